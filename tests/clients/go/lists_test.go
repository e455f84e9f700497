package clients

import (
	"fmt"
	"testing"

	wallarm "github.com/wallarm/wallarm-go"
)

// later is far enough for any run, and not never.
const later = 4_000_000_000

// address makes an address that no other test uses.
func address() string {
	n := unique.Add(1)
	return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
}

func entry(kind string, values ...string) wallarm.AccessRuleCreateRequest {
	return wallarm.AccessRuleCreateRequest{Reason: "Terraform managed IP list", ApplicationIDs: []int{0}, ExpiredAt: later,
		Rules: []wallarm.AccessRuleEntry{{RulesType: kind, Values: values}}}
}

// list is one of the three lists, by the names that the client gives its methods.
type list struct {
	kind   wallarm.IPListType
	read   func(int) ([]wallarm.IPRule, error)
	create func(int, wallarm.AccessRuleCreateRequest) error
	remove func(int, []wallarm.AccessRuleDeleteEntry) error
}

func lists(api wallarm.API) []list {
	return []list{
		{wallarm.AllowlistType,
			func(client int) ([]wallarm.IPRule, error) { return api.AllowlistRead(client) },
			func(client int, new wallarm.AccessRuleCreateRequest) error { return api.AllowlistCreate(client, new) },
			func(client int, old []wallarm.AccessRuleDeleteEntry) error { return api.AllowlistDelete(client, old) }},
		{wallarm.DenylistType,
			func(client int) ([]wallarm.IPRule, error) { return api.DenylistRead(client) },
			func(client int, new wallarm.AccessRuleCreateRequest) error { return api.DenylistCreate(client, new) },
			func(client int, old []wallarm.AccessRuleDeleteEntry) error { return api.DenylistDelete(client, old) }},
		{wallarm.GraylistType,
			func(client int) ([]wallarm.IPRule, error) { return api.GraylistRead(client) },
			func(client int, new wallarm.AccessRuleCreateRequest) error { return api.GraylistCreate(client, new) },
			func(client int, old []wallarm.AccessRuleDeleteEntry) error { return api.GraylistDelete(client, old) }},
	}
}

func TestEachListKeepsItsEntries(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		for _, list := range lists(api) {
			one, two := address(), address()
			ok(t, list.create(cloud.ClientID, entry("subnet", one, two+"/24")))
			found := must[[]wallarm.IPRule](t)(list.read(cloud.ClientID))
			equal(t, len(found), 2)
			equal(t, words(found[0].Values, found[1].Values), words([]string{two + "/24"}, []string{one + "/32"}))
			for _, rule := range found {
				equal(t, words(rule.RuleType, rule.List, rule.ExpiredAt, rule.ApplicationIDs, rule.Status),
					words("subnet", string(list.kind), later, []int{0}, "enabled"))
			}
			search := must[[]wallarm.IPRule](t)(api.IPListSearch(list.kind, cloud.ClientID, "subnet", two+"/24"))
			equal(t, search[0].ID, found[0].ID)
			ok(t, list.remove(cloud.ClientID, []wallarm.AccessRuleDeleteEntry{{RuleType: "subnet", IDs: []int{found[0].ID, found[1].ID, 999999}}}))
			equal(t, len(must[[]wallarm.IPRule](t)(list.read(cloud.ClientID))), 0)
		}
	})
}

func TestCodesShareAnEntryAndConflictsAreRefused(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		for kind, codes := range map[string][]string{
			"location": {"AQ", "IO"}, "datacenter": {"ibm", "ovh"}, "proxy_type": {"TOR", "VPN"},
		} {
			new := entry(kind, codes...)
			new.List = wallarm.DenylistType
			ok(t, api.IPListCreate(cloud.ClientID, new))
			found := must[[]wallarm.IPRule](t)(api.IPListReadByRuleType(wallarm.DenylistType, cloud.ClientID, []string{kind}, 50))
			same(t, found[0].Values, codes)
			refused(t, api.IPListCreate(cloud.ClientID, new), 409, fmt.Sprintf(
				`{"status":409,"body":{"conflicts":[{"id":%d,"list":"block","value":"%s"}]}}`, found[0].ID, codes[0]))
			new.Force = true
			ok(t, api.IPListCreate(cloud.ClientID, new))
			again := must[[]wallarm.IPRule](t)(api.IPListRead(wallarm.DenylistType, cloud.ClientID, 1))
			equal(t, len(again), 1)
			ok(t, api.IPListDelete(cloud.ClientID, []wallarm.AccessRuleDeleteEntry{{RuleType: kind, IDs: []int{again[0].ID}}}))
		}
		bad := entry("subnet", address(), "10.0.0.256")
		refused(t, api.DenylistCreate(cloud.ClientID, bad), 400, "")
		equal(t, len(must[[]wallarm.IPRule](t)(api.DenylistRead(cloud.ClientID))), 0)
		refused(t, api.DenylistCreate(999999, entry("subnet", address())), 403, `{"status":403,"body":"Access denied"}`)
	})
}
