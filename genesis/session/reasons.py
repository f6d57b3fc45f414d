"""Why the machine says no: every reason code with the sentence that a person is shown."""

from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of command-rejected; stable, for programs."""

    ALREADY_STARTED = "already_started"
    NOT_STARTED = "not_started"
    SESSION_ENDED = "session_ended"
    STAGE_CLOSED = "stage_closed"
    STAGE_CONFIRMED = "stage_confirmed"
    NOTHING_PROPOSED = "nothing_proposed"
    GENERATING = "generating"
    ANSWER_ALREADY_KEPT = "answer_already_kept"
    OTHER_PROPOSAL = "other_proposal"
    OTHER_REVISION = "other_revision"
    UNKNOWN_CANDIDATE = "unknown_candidate"
    ALREADY_CHOSEN = "already_chosen"
    NOTHING_TO_CHOOSE = "nothing_to_choose"
    NOT_CHOSEN = "not_chosen"
    CONTENT_ERRORS = "content_errors"
    STAGES_UNCONFIRMED = "stages_unconfirmed"
    STAGE_STALE = "stage_stale"
    STALE_STAGES = "stale_stages"
    NOTHING_STALE = "nothing_stale"
    NOTHING_RUNNING = "nothing_running"
    NOTHING_CHANGED = "nothing_changed"
    ALREADY_THERE = "already_there"
    ALREADY_PROPOSED = "already_proposed"
    UNKNOWN_PATH = "unknown_path"
    UNKNOWN_VERSION = "unknown_version"
    BAD_PATCH = "bad_patch"
    BAD_MERGE = "bad_merge"
    NO_ROOM = "no_room"
    VERSION_CONFLICT = "version_conflict"
    GENERATION_ENDED = "generation_ended"
    TOO_LARGE = "too_large"
    OVERTAKEN = "overtaken"
    UNREADABLE = "unreadable"
    INTERNAL_ERROR = "internal_error"


SENTENCES: dict[Reason, str] = {
    Reason.ALREADY_STARTED: "This session has been started already.",
    Reason.NOT_STARTED: "This session has not been started; send START_GENESIS first.",
    Reason.SESSION_ENDED: "This session has ended; start a new one.",
    Reason.STAGE_CLOSED: "This stage is not open yet; confirm the stages before it first.",
    Reason.STAGE_CONFIRMED: "This stage is confirmed; go to it with NAVIGATE_TO_STAGE to change it.",
    Reason.NOTHING_PROPOSED: "There is no proposal in this stage yet; generate one first.",
    Reason.GENERATING: "A proposal for this stage is being made; wait for it, or stop it.",
    Reason.ANSWER_ALREADY_KEPT: "Another answer is waiting for this proposal already.",
    Reason.OTHER_PROPOSAL: "The answer names another proposal than the one in review; look at the current one.",
    Reason.OTHER_REVISION: "The proposal has changed since; look at its current revision and answer again.",
    Reason.UNKNOWN_CANDIDATE: "The proposal has no candidate with this id.",
    Reason.ALREADY_CHOSEN: "This candidate is chosen already.",
    Reason.NOTHING_TO_CHOOSE: "This stage has a single candidate; confirm it, or give feedback.",
    Reason.NOT_CHOSEN: "No candidate is chosen; choose one, or name it in CONFIRM_STAGE.",
    Reason.CONTENT_ERRORS: "The content has errors that must be mended before it can be confirmed.",
    Reason.STAGES_UNCONFIRMED: "All five stages must be confirmed before the session can be finished.",
    Reason.STAGE_STALE: "This stage no longer agrees with an earlier one; mend its stale paths, confirm it as it is, "
    "or go to it to change it.",
    Reason.STALE_STAGES: "Some stages no longer agree with an earlier one; mend or confirm them, or accept them.",
    Reason.NOTHING_STALE: "Nothing in this stage is stale; it agrees with the stages before it.",
    Reason.NOTHING_RUNNING: "There is no such running generation to stop; look at the stage as it is now.",
    Reason.NOTHING_CHANGED: "It is so already; nothing was changed.",
    Reason.ALREADY_THERE: "The session is at this stage already.",
    Reason.ALREADY_PROPOSED: "There is a proposal in this stage; name it and its revision to change it.",
    Reason.UNKNOWN_PATH: "The proposal has nothing at one of the paths; look at its current content.",
    Reason.UNKNOWN_VERSION: "This is none of the last versions of the stage; take one from its history.",
    Reason.BAD_PATCH: "The patch does not fit the proposal; nothing of it was applied.",
    Reason.NO_ROOM: "The stage is full and every candidate is locked or edited; unlock or remove one first.",
    Reason.BAD_MERGE: "The fields cannot be taken as named; nothing of it was applied.",
    Reason.VERSION_CONFLICT: "The session has changed since the version you named; read it again.",
    Reason.GENERATION_ENDED: "The proposal this answer was for was never made; look at the stage as it is now.",
    Reason.TOO_LARGE: "With this the session would grow beyond its size limit; shorten the texts.",
    Reason.OVERTAKEN: "This had already been settled when the message came.",
    Reason.UNREADABLE: "The command could not be read; it was put aside for the operators.",
    Reason.INTERNAL_ERROR: "The command hit an internal error; it was put aside for the operators.",
}
