package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"

	wallarm "github.com/wallarm/wallarm-go"
)

// post sends what the client has no method for.
func post(t *testing.T, path string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	ok(t, err)
	request, err := http.NewRequest(http.MethodPost, cloud.APIURL+path, bytes.NewReader(text))
	ok(t, err)
	request.Header.Set("X-WallarmAPI-Token", cloud.Token)
	request.Header.Set("Content-Type", "application/json")
	reply, err := trust.Do(request)
	ok(t, err)
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(reply.Body)
		t.Fatalf("%s: %d %s", path, reply.StatusCode, text)
	}
}

func TestSecurityIssues(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		host := named("host") + ".test"
		for path, threat := range map[string]int{"/search": 90, "/items": 50} {
			post(t, "/v1/objects/vuln/create", map[string]any{"type": "sqli", "domain": host, "path": path, "method": "GET",
				"parameter": "GET_q_value", "title": "SQL injection", "description": "A quote", "threat": threat, "exploit_example": "?q='"})
		}
		by := &wallarm.GetSecurityIssuesFilter{Host: host}
		issues := must[[]*wallarm.GetSecurityIssuesResp](t)(api.GetSecurityIssuesRead(&wallarm.GetSecurityIssuesRead{
			ClientID: cloud.ClientID, Limit: 100, Filter: by, OrderBy: &wallarm.GetSecurityIssuesOrderBy{Name: "severity", Direction: "desc"}}))
		equal(t, len(issues), 2)
		first := issues[0]
		equal(t, words(first.ClientID, first.Host, first.Path, first.HTTPMethod, first.IssueType.ID, first.State, first.Severity),
			words(cloud.ClientID, host, "/search", "GET", "sqli", "open", "high"))
		owasp := ""
		for _, risk := range first.Owasp {
			owasp += risk.ID + " "
		}
		equal(t, words(owasp, first.Incident, first.Verified), words("API8:2023 API8:2019 A03:2021 ", false, true))
		equal(t, issues[1].Severity, "medium")
		page := must[[]*wallarm.GetSecurityIssuesResp](t)(api.GetSecurityIssuesRead(&wallarm.GetSecurityIssuesRead{
			ClientID: cloud.ClientID, Limit: 1, Offset: 1, Filter: by, OrderBy: &wallarm.GetSecurityIssuesOrderBy{Name: "severity", Direction: "desc"}}))
		same(t, page, issues[1:])

		count := must[*wallarm.GetSecurityIssuesCountResp](t)(api.GetSecurityIssuesCount(&wallarm.GetSecurityIssuesCount{
			ClientID: cloud.ClientID, Filter: &wallarm.GetSecurityIssuesFilter{Host: host, Severity: []string{"high"}}}))
		equal(t, count.Count, 1)
		groups := must[[]*wallarm.GetSecurityIssueGroupResp](t)(api.GetSecurityIssueGroups(&wallarm.GetSecurityIssueGroups{
			ClientID: cloud.ClientID, Filter: by}))
		total := 0
		for _, group := range groups {
			total += group.SecurityIssuesCount
			equal(t, words(group.IssueType.ID, group.FirstHost, group.HostsCount, group.ClientID), words("sqli", host, 1, cloud.ClientID))
			equal(t, group.States.Open, group.SecurityIssuesCount)
		}
		equal(t, total, 2)
		equal(t, must[*wallarm.GetSecurityIssueGroupsCountResp](t)(api.GetSecurityIssueGroupsCount(&wallarm.GetSecurityIssueGroupsCount{
			ClientID: cloud.ClientID, Filter: by})).Count, len(groups))

		whole := must[*wallarm.GetSecurityIssueResp](t)(api.GetSecurityIssue(&wallarm.GetSecurityIssue{ID: first.ID, ClientID: cloud.ClientID}))
		same(t, whole.GetSecurityIssuesResp, first)
		equal(t, words(len(whole.StatusHistory) > 0, whole.Manual, whole.Description), "true true A quote")
		_, err := api.GetSecurityIssue(&wallarm.GetSecurityIssue{ID: 999999999, ClientID: cloud.ClientID})
		refused(t, err, 404, "")
		_, err = api.GetSecurityIssuesRead(&wallarm.GetSecurityIssuesRead{ClientID: 999999})
		refused(t, err, 403, "")
	})
}

func TestTheActivityLog(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		known := must[*wallarm.ActivityLogEventsGetFiltersResp](t)(api.ActivityLogEventsGetFilters()).Body
		kinds := map[string]string{}
		for _, kind := range known.ObjectTypes {
			kinds[kind.Value] = kind.Label
		}
		equal(t, words(kinds["application"], known.Outcomes), "Application [success failure]")

		app := 1000 + int(unique.Add(1))
		ok(t, api.AppCreate(&wallarm.AppCreate{ID: &app, Clientid: cloud.ClientID, Name: "logged"}))
		ok(t, api.AppUpdate(&wallarm.AppUpdate{Fields: &wallarm.AppUpdateFields{Name: "renamed"},
			Filter: &wallarm.AppUpdateFilter{ID: app, AppReadFilter: &wallarm.AppReadFilter{Clientid: []int{cloud.ClientID}}}}))
		entries := must[*wallarm.ActivityLogEventsResp](t)(api.ActivityLogEventsRead(&wallarm.ActivityLogEventsRead{
			ClientID: cloud.ClientID, Limit: 2, OrderBy: "timestamp", OrderDesc: true, Filter: &wallarm.ActivityLogEventsFilter{
				ObjectTypes: []string{"application"}, ActionTypes: []string{"update", "create"}, Outcomes: []string{"success"}, TimeStart: 1}})).Body.Objects
		equal(t, len(entries), 2)
		equal(t, words(entries[0].ActionType, entries[1].ActionType, entries[0].ObjectType, entries[0].Outcome, entries[0].ClientID, *entries[0].ObjectID),
			words("Update", "Create", "Application", "success", cloud.ClientID, strconv.Itoa(app)))
		equal(t, words(entries[0].ChangedFields, string(entries[0].StateBeforeAction), string(entries[0].StateAfterAction)),
			fmt.Sprint([]string{"name"}, ` {"name":"logged"} {"name":"renamed"}`))
		one := must[*wallarm.ActivityLogEventsResp](t)(api.ActivityLogEventRead(&wallarm.ActivityLogEventRead{
			ClientID: cloud.ClientID, EventID: int64(entries[0].ID)})).Body.Objects
		same(t, one, entries[:1])
		_, err := api.ActivityLogEventRead(&wallarm.ActivityLogEventRead{ClientID: cloud.ClientID, EventID: 999999999})
		refused(t, err, 404, "")
		_, err = api.ActivityLogEventsRead(&wallarm.ActivityLogEventsRead{ClientID: 999999})
		refused(t, err, 403, "")
	})
}
