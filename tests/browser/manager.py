"""RealtimeKit's own breakout UI in a page, and the clicks of a host in it."""

from playwright.sync_api import Locator, Page

from tests.browser.site import BLANK
from tests.support.waiting import wait_until

MANAGER, TOGGLE = "rtk-breakout-rooms-manager", "rtk-breakout-rooms-toggle rtk-controlbar-button"
KIT = "/npm/@cloudflare/realtimekit-ui/dist/realtimekit-ui"
PAGE = (
    BLANK
    + f"""<script type="module" src="{KIT}/realtimekit-ui.esm.js"></script>
<script type="module">
  import {{ BreakoutRoomsManager }} from "{KIT}/index.esm.js";
  window.BreakoutRoomsManager = BreakoutRoomsManager;
</script>
<rtk-ui-provider id="ui">
  <rtk-breakout-rooms-toggle></rtk-breakout-rooms-toggle><rtk-dialog-manager></rtk-dialog-manager>
</rtk-ui-provider>""".encode()
)


def card_of(manager: Locator, title: str) -> Locator:
    """Find the card of a room."""
    cards = manager.locator("rtk-breakout-room-manager")
    find = f"(all) => all.map((it) => it.room?.title).indexOf({title!r}) + 1"
    return cards.nth(wait_until(lambda: cards.evaluate_all(find), what=f"the card of {title}") - 1)


def start_by_clicks(page: Page, manager: Locator) -> None:
    """Create rooms, shuffle people into them, and start."""
    manager.get_by_text("Create", exact=True).click()
    manager.locator(".shuffle-button").click()
    manager.get_by_text("Start Breakout").click()
    page.get_by_text("Yes, start").click()


def rename_by_clicks(card: Locator, name: str) -> None:
    """Give a room another name."""
    card.hover()
    card.locator(".header rtk-tooltip rtk-icon").first.click()
    card.locator("input").fill(name)
    card.locator("input").press("Enter")
