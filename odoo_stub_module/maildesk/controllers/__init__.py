from . import export, outlook
