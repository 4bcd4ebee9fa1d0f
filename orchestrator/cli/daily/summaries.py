"""What each daily word does, in a sentence. `breakouts --help` shows these without importing the commands."""

BREAKOUTS = "Breakouts"
MEETINGS = "Meetings and people"
WEBHOOKS = "Your systems"

SUMMARIES = {
    "open": (BREAKOUTS, "Split a meeting into rooms at once."),
    "plan": (BREAKOUTS, "Plan a breakout that is started later, by hand or at a time."),
    "rounds": (BREAKOUTS, "Plan several in which people meet as many others as possible."),
    "import": (BREAKOUTS, "Plan a breakout from a spreadsheet of who sits where."),
    "export": (BREAKOUTS, "Print who is where, for a spreadsheet."),
    "attendance": (BREAKOUTS, "Print who was in which room, when, for a spreadsheet."),
    "change": (BREAKOUTS, "Change a plan, or the name of a breakout."),
    "shuffle": (BREAKOUTS, "Deal the people of a plan anew."),
    "prepare": (BREAKOUTS, "Make the rooms and tokens of a plan ahead of its start."),
    "start": (BREAKOUTS, "Open the rooms of a plan."),
    "cancel": (BREAKOUTS, "Give a plan up."),
    "list": (BREAKOUTS, "List breakouts, those of all meetings or of one."),
    "watch": (BREAKOUTS, "Follow a breakout live until it has ended."),
    "extend": (BREAKOUTS, "Move the end of its timer: 5m is later, -5m earlier."),
    "until": (BREAKOUTS, "Let it close at a time, or call its countdown off."),
    "pause": (BREAKOUTS, "Stop its timer."),
    "resume": (BREAKOUTS, "Let what is left of its timer run."),
    "move": (BREAKOUTS, "Send somebody to another room, or back to main."),
    "rebalance": (BREAKOUTS, "Dissolve rooms with too few people into the others."),
    "broadcast": (BREAKOUTS, "Say something to everybody, or to the people of some rooms."),
    "poll": (BREAKOUTS, "Ask the people of all rooms, with RealtimeKit's poll."),
    "recordings": (BREAKOUTS, "Recordings of every room, with their files."),
    "help": (BREAKOUTS, "Who asks for help from a room."),
    "resolve": (BREAKOUTS, "Say that somebody who asked for help has got it."),
    "close": (BREAKOUTS, "Call everybody back to main and close the rooms."),
    "report": (BREAKOUTS, "Groups, times, recordings, people by end state, problems."),
    "log": (BREAKOUTS, "Everything that has happened, and who did it."),
    "rooms": (BREAKOUTS, "Rooms of a plan or a breakout: add, rename, limit, delete, retry, record."),
    "meetings": (MEETINGS, "Meetings: create, list, show, change."),
    "people": (MEETINGS, "People of a meeting: add, list, token, revoke-tokens."),
    "endpoints": (WEBHOOKS, "Webhooks to your servers: add, list, change, rotate, ping, deliveries."),
}
"""The heading under which each word is listed, and its sentence."""
