from . import attachments, conversation, drafts, export, outlook
