"""`python -m api`: the same as the command `continuity`."""

from api.children import end_with_supervisor
from api.cli import main

end_with_supervisor()
main()
