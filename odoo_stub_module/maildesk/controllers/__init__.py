from . import outlook
