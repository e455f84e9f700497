package clients

import (
	"testing"

	wallarm "github.com/wallarm/wallarm-go"
)

// action makes an action with its parameters.
func action(id string, lock int, integrations ...int) wallarm.TriggerActions {
	made := wallarm.TriggerActions{ID: id}
	made.Params.LockTime, made.Params.IntegrationIds = lock, integrations
	return made
}

func threshold(period, count int) *wallarm.TriggerThreshold {
	return &wallarm.TriggerThreshold{Period: period, Operator: "gt", Count: count}
}

func listedTrigger(t *testing.T, api wallarm.API, id int) *wallarm.TriggerResp {
	t.Helper()
	for _, one := range must[*wallarm.TriggerRead](t)(api.TriggerRead(cloud.ClientID)).Triggers {
		if one.ID == id {
			return &one
		}
	}
	return nil
}

func TestTriggersOfEachTemplate(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		letters := must[*wallarm.IntegrationCreateResp](t)(api.EmailIntegrationCreate(&wallarm.EmailIntegrationCreate{
			Name: named("letters"), Type: "email", Target: []string{"a@acme.test"}, Clientid: cloud.ClientID})).Body.ID
		counter := must[*wallarm.ActionCreateResp](t)(api.HintCreate(&wallarm.ActionCreate{
			Type: "brute_counter", Action: scope(), Active: true})).Body.Counter
		notify := action("send_notification", 0, letters)
		for _, one := range []wallarm.TriggerParam{
			{TemplateID: "user_created", Filters: &[]wallarm.TriggerFilters{{ID: "user_role", Operator: "eq", Values: []any{"admin"}}}},
			{TemplateID: "attacks_exceeded", Threshold: threshold(3600, 5),
				Filters: &[]wallarm.TriggerFilters{{ID: "response_status", Operator: "eq", Values: []any{"5xx", 404.0}}}},
			{TemplateID: "hits_exceeded", Threshold: threshold(1, 1),
				Filters: &[]wallarm.TriggerFilters{{ID: "attack_type", Operator: "ne", Values: []any{"sqli", "xss"}}}},
			{TemplateID: "incidents_exceeded", Threshold: threshold(900, 2),
				Filters: &[]wallarm.TriggerFilters{{ID: "ip_address", Operator: "eq", Values: []any{"203.0.113.7"}}}},
			{TemplateID: "vector_attack", Threshold: threshold(300, 7), Actions: &[]wallarm.TriggerActions{
				action("block_ips", 3600), action("add_to_graylist", 7200)}},
			{TemplateID: "bruteforce_started", Threshold: threshold(30, 30),
				Filters: &[]wallarm.TriggerFilters{{ID: "hint_tag", Operator: "eq", Values: []any{counter}}},
				Actions: &[]wallarm.TriggerActions{action("mark_as_brute", 0), action("block_ips", 2592000)}},
			{TemplateID: "forced_browsing_started", Threshold: threshold(60, 30),
				Filters: &[]wallarm.TriggerFilters{{ID: "url", Operator: "eq", Values: []any{"shop.test/login"}}},
				Actions: &[]wallarm.TriggerActions{action("mark_as_brute", 0)}},
			{TemplateID: "bola_search_started", Threshold: threshold(600, 30),
				Actions: &[]wallarm.TriggerActions{action("add_to_graylist", 600)}},
			{TemplateID: "blacklist_ip_added"},
			{TemplateID: "api_structure_changed", Filters: &[]wallarm.TriggerFilters{{ID: "change_type", Operator: "eq", Values: []any{"added"}}}},
			{TemplateID: "rogue_api_detected", Filters: &[]wallarm.TriggerFilters{{ID: "deviation_type", Operator: "eq", Values: []any{"shadow"}}}},
			{TemplateID: "compromised_logins"},
			{TemplateID: "attack_ip_grouping", Threshold: threshold(900, 50),
				Actions: &[]wallarm.TriggerActions{action("group_attack_by_ip", 0)}},
		} {
			one := one
			t.Run(one.TemplateID, func(t *testing.T) {
				one.Name, one.Comment, one.Enabled = named("trigger"), "Terraform managed trigger", true
				if one.Filters == nil {
					one.Filters = &[]wallarm.TriggerFilters{}
				}
				if one.Actions == nil {
					one.Actions = &[]wallarm.TriggerActions{notify}
				}
				new := &wallarm.TriggerCreate{Trigger: &one}
				created := must[*wallarm.TriggerCreateResp](t)(api.TriggerCreate(new, cloud.ClientID)).TriggerResp
				equal(t, words(created.Name, created.Comment, created.Enabled, created.ClientID, created.Template.ID, len(created.Actions)),
					words(one.Name, one.Comment, true, cloud.ClientID, one.TemplateID, len(*one.Actions)))
				filters := []any{}
				for _, filter := range *one.Filters {
					filters = append(filters, map[string]any{"id": filter.ID, "operator": filter.Operator, "values": filter.Values})
				}
				if one.Threshold != nil {
					// The threshold is told as a filter, too.
					filters = append(filters, map[string]any{"id": "threshold", "operator": "gt",
						"values": []any{map[string]any{"period": one.Threshold.Period, "count": one.Threshold.Count}}})
					equal(t, words(created.Threshold.Operator, created.Threshold.Period, created.Threshold.Count, len(created.Thresholds)),
						words("gt", one.Threshold.Period, one.Threshold.Count, 1))
				}
				same(t, created.Filters, filters)
				same(t, listedTrigger(t, api, created.ID), created)

				one.Name, one.Enabled, one.Comment = one.Name+"-b", false, "changed"
				updated := must[*wallarm.TriggerCreateResp](t)(api.TriggerUpdate(new, cloud.ClientID, created.ID)).TriggerResp
				expected := *created
				expected.Name, expected.Enabled, expected.Comment = one.Name, false, "changed"
				same(t, updated, &expected)
				same(t, listedTrigger(t, api, created.ID), updated)

				ok(t, api.TriggerDelete(cloud.ClientID, created.ID))
				if listedTrigger(t, api, created.ID) != nil {
					t.Fatal("a deleted trigger is still listed")
				}
				refused(t, api.TriggerDelete(cloud.ClientID, created.ID), 404, `{"status":404,"body":"Not found"}`)
			})
		}
	})
}

func TestRefusalsOfTriggers(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		refuse := func(one wallarm.TriggerParam, body string) {
			t.Helper()
			_, err := api.TriggerCreate(&wallarm.TriggerCreate{Trigger: &one}, cloud.ClientID)
			refused(t, err, 400, `{"status":400,"body":`+body+`}`)
		}
		refuse(wallarm.TriggerParam{TemplateID: "nonsense"}, `{"template_id":{"error":"is invalid","value":"nonsense"}}`)
		refuse(wallarm.TriggerParam{TemplateID: "vector_attack", Threshold: threshold(60, 1),
			Actions: &[]wallarm.TriggerActions{action("group_attack_by_ip", 0)}}, `{"actions":{"error":"is invalid"}}`)
		refuse(wallarm.TriggerParam{TemplateID: "user_created", Actions: &[]wallarm.TriggerActions{action("send_notification", 0, 999999)}},
			`{"integration_ids":{"error":"is invalid","value":[999999]}}`)
		_, err := api.TriggerRead(999999)
		refused(t, err, 403, `{"status":403,"body":"Access denied"}`)
		_, err = api.TriggerUpdate(&wallarm.TriggerCreate{Trigger: &wallarm.TriggerParam{TemplateID: "vector_attack",
			Threshold: threshold(60, 1), Actions: &[]wallarm.TriggerActions{action("block_ips", 60)}}}, cloud.ClientID, 999999999)
		refused(t, err, 404, `{"status":404,"body":"Not found"}`)
	})
}
