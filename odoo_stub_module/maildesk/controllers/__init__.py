from . import attachments, drafts, export, outlook
