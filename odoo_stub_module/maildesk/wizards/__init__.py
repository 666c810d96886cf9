from . import maildesk_connect
