// An app in Angular: a standalone component without zone.js, which shows what a service knows.
import { Component, DestroyRef, inject } from "@angular/core";
import { Breakouts } from "./breakouts";

@Component({
  selector: "app-root",
  template: `
    <h1>{{ breakouts.room() }}</h1>
    <ul aria-label="People here">
      @for (person of breakouts.people(); track person.id) {
        <li>{{ person.name }}</li>
      }
    </ul>
    <p role="status">{{ breakouts.notice() }}</p>
    @if (breakouts.canAskForHelp()) {
      <button type="button" (click)="breakouts.askForHelp()">Ask for help</button>
    }
  `,
})
export class App {
  protected readonly breakouts = inject(Breakouts);

  constructor() {
    inject(DestroyRef).onDestroy(() => this.breakouts.disconnect());
    this.breakouts.connect().catch((error: Error) => this.breakouts.notice.set(error.message));
  }
}
