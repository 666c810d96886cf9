from . import test_app
from . import test_apply
from . import test_audit
from . import test_compare
from . import test_connect
from . import test_exchange
from . import test_rights
from . import test_signin
