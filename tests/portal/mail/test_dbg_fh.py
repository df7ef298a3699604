from tests.portal.mail.test_absent_is_refused import *
from tests.portal.mail.test_absent_is_refused import hidden
from tests.portal.organisation import organisation
pytestmark = pytest.mark.django_db
def test_dbg(organisation, hidden):
    browser = organisation.browser("bob")
    ask(browser, ASKS["original"], random_id())
    a = ask(browser, ASKS["original"], random_id())
    for id in hidden.values():
        b = ask(browser, ASKS["original"], id)
        print(a.headers); print(b.headers)
        for x,y in zip(a.queries,b.queries):
            if x!=y: print("-",x,"\n+",y)
        print(len(a.queries),len(b.queries), a.body==b.body)
