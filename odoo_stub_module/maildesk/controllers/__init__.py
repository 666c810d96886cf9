from . import attachments, export, outlook
