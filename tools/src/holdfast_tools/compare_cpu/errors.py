"""How a comparison can end early."""


class Refused(Exception):
    """Nothing can be measured; the message says in one line why and what to do."""


class RoundFailed(Exception):
    """The figures of this round are not valid; the message says why. The round can be repeated."""


class TimeUp(BaseException):
    """The time of the whole comparison is over. Not an Exception, so that no handler of errors takes it for one."""
