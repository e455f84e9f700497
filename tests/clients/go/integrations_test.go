package clients

import (
	"testing"

	wallarm "github.com/wallarm/wallarm-go"
)

const someUUID = "b1e2d6dc-e4b5-400d-9dae-270c39c5daa2"

// events makes the switches that the provider sends: each of the names, all on or all off.
func events(active bool, names ...string) *[]wallarm.IntegrationEvents {
	made := []wallarm.IntegrationEvents{}
	for _, name := range names {
		made = append(made, wallarm.IntegrationEvents{Event: name, Active: active})
	}
	return &made
}

// checked compares an integration with what was sent, and with what the list says of it.
func checked(t *testing.T, api wallarm.API, got wallarm.IntegrationObject, name, kind string, active bool, target any) {
	t.Helper()
	equal(t, words(got.Name, got.Type, got.Active, got.CreatedBy), words(name, kind, active, cloud.Email))
	same(t, got.Target, target)
	if got.ID < 1 || got.CreatedAt < 1_600_000_000 {
		t.Fatalf("no identity or time: %+v", got)
	}
	same(t, must[*wallarm.IntegrationObject](t)(api.IntegrationRead(cloud.ClientID, got.ID)), got)
}

func removed(t *testing.T, api wallarm.API, id int) {
	t.Helper()
	ok(t, api.IntegrationDelete(id))
	_, err := api.IntegrationRead(cloud.ClientID, id)
	refused(t, err, 404, "")
	refused(t, api.IntegrationDelete(id), 404, `{"status":404,"body":"Not found"}`)
}

func TestIntegrationsOfEachKind(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		for _, one := range []struct {
			kind          string
			target, shown any
			event         string
		}{
			{"slack", "https://hooks.slack.com/services/T0/B0/XXXX1234", "https://hooks.slack.com/****1234", "system"},
			{"ms_teams", "https://x.webhook.office.com/webhookb2/abcd", "https://x.webhook.office.com/****abcd", "rules_and_triggers"},
			{"sumo_logic", "https://collectors.sumologic.com/receiver/abcd", "https://collectors.sumologic.com/****abcd", "siem"},
			{"pager_duty", "eb7ddfc33acaaacaacaca55a39834dad", "****4dad", "security_issue_high"},
			{"data_dog", wallarm.DatadogTarget{Region: "US5", Token: "0123456789abcdef0123456789abcdef"},
				map[string]any{"region": "US5", "token": "****cdef"}, "number_of_requests_per_hour"},
			{"opsgenie", wallarm.IntegrationTokenAPITarget{Token: someUUID, API: "https://api.opsgenie.com/v2/alerts"},
				map[string]any{"token": "****daa2", "api": "https://api.opsgenie.com/v2/alerts"}, "security_issue_info"},
			{"splunk", wallarm.IntegrationTokenAPITarget{Token: someUUID, API: "https://splunk.test:8088"},
				map[string]any{"token": "****daa2", "api": "https://splunk.test:8088"}, "siem"},
			{"insight_connect", wallarm.IntegrationTokenAPITarget{Token: someUUID, API: "https://eu.api.insight.rapid7.com/x"},
				map[string]any{"token": "****daa2", "api": "https://eu.api.insight.rapid7.com/x"}, "siem"},
		} {
			t.Run(one.kind, func(t *testing.T) {
				name := named(one.kind)
				new := &wallarm.IntegrationCreate{Name: name, Active: true, Target: one.target, Type: one.kind,
					Events: events(true, one.event), Clientid: cloud.ClientID}
				created := must[*wallarm.IntegrationCreateResp](t)(api.IntegrationCreate(new)).Body
				equal(t, created.Result, "success")
				checked(t, api, created.IntegrationObject, name, one.kind, true, one.shown)
				same(t, created.Events, new.Events)

				new.Name, new.Active, new.Events, new.Clientid = name+"-b", false, events(false, one.event, "system"), 0
				if one.event == "system" {
					new.Events = events(false, "system")
				}
				updated := must[*wallarm.IntegrationCreateResp](t)(api.IntegrationUpdate(new, created.ID)).Body
				checked(t, api, updated.IntegrationObject, name+"-b", one.kind, false, one.shown)
				same(t, updated.Events, new.Events)
				equal(t, updated.ID, created.ID)

				partial := must[*wallarm.IntegrationCreateResp](t)(api.IntegrationPartialUpdate(created.ID,
					map[string]any{"active": true})).Body
				checked(t, api, partial.IntegrationObject, name+"-b", one.kind, true, one.shown)
				same(t, partial.Events, new.Events)
				removed(t, api, created.ID)
			})
		}
	})
}

func TestWebhooks(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		name := named("hook")
		new := &wallarm.IntegrationWithAPICreate{Name: name, Active: true, Type: "web_hooks", Clientid: cloud.ClientID,
			Target: &wallarm.IntegrationWithAPITarget{URL: "https://example.com/hook/0123456789", Format: "json", HTTPMethod: "POST",
				Headers: map[string]any{"Authorization": "Basic SGkgYXR0ZW50aXZlIHVzZXI="}, CaVerify: true, Timeout: 15,
				OpenTimeout: 20, Subtype: "web_hooks"},
			Events: &[]wallarm.IntegrationEvents{{Event: "siem", Active: true, WithHeaders: pointer(true)}, {Event: "system", Active: true}}}
		shown := map[string]any{"url": "https://example.com/****6789", "format": "json", "http_method": "POST",
			"headers": map[string]any{"Authorization": "****ZXI="}, "ca_file": "", "ca_verify": true, "timeout": 15,
			"open_timeout": 20, "subtype": "web_hooks"}
		created := must[*wallarm.IntegrationCreateResp](t)(api.IntegrationWithAPICreate(new)).Body
		checked(t, api, created.IntegrationObject, name, "web_hooks", true, shown)
		same(t, created.Events, new.Events)

		new.Target.Format, new.Target.HTTPMethod, new.Target.CaVerify, new.Target.Timeout = "jsonl", "PUT", false, 3
		shown["format"], shown["http_method"], shown["ca_verify"], shown["timeout"] = "jsonl", "PUT", false, 3
		updated := must[*wallarm.IntegrationCreateResp](t)(api.IntegrationWithAPIUpdate(new, created.ID)).Body
		checked(t, api, updated.IntegrationObject, name, "web_hooks", true, shown)
		removed(t, api, created.ID)

		new.Target.URL = "https://127.0.0.1.nip.test:1/"
		new.Target.Format = "xml"
		_, err := api.IntegrationWithAPICreate(new)
		refused(t, err, 400, "")
	})
}

func TestLettersAndTelegram(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		name := named("letters")
		email := &wallarm.EmailIntegrationCreate{Name: name, Active: true, Target: []string{"b@acme.test", "a@acme.test"},
			Events: events(true, "report_daily", "system"), Type: "email", Clientid: cloud.ClientID}
		created := must[*wallarm.IntegrationCreateResp](t)(api.EmailIntegrationCreate(email)).Body
		checked(t, api, created.IntegrationObject, name, "email", true, email.Target)
		email.Target, email.Events = []string{"c@acme.test"}, events(false, "aasm_report")
		updated := must[*wallarm.IntegrationCreateResp](t)(api.EmailIntegrationUpdate(email, created.ID)).Body
		checked(t, api, updated.IntegrationObject, name, "email", true, email.Target)
		same(t, updated.Events, email.Events)
		removed(t, api, created.ID)

		telegram := &wallarm.TelegramIntegrationCreate{Name: named("chat"), Clientid: cloud.ClientID, ChatData: "Z72S5kwWBPYpTnLrIfvYIQ=="}
		chat := must[*wallarm.IntegrationCreateResp](t)(api.TelegramIntegrationCreate(telegram)).Body
		checked(t, api, chat.IntegrationObject, telegram.Name, "telegram", false, map[string]any{"chat_data": "****IQ=="})
		equal(t, len(chat.Events), 0)
		telegram.Name, telegram.ChatData, telegram.Clientid = telegram.Name+"-b", "another-chat-0001", 0
		renamed := must[*wallarm.IntegrationCreateResp](t)(api.TelegramIntegrationUpdate(telegram, chat.ID)).Body
		checked(t, api, renamed.IntegrationObject, telegram.Name, "telegram", false, map[string]any{"chat_data": "****0001"})
		removed(t, api, chat.ID)
	})
}

func TestRefusalsOfIntegrations(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		slack := func(target any, event string) *wallarm.IntegrationCreate {
			return &wallarm.IntegrationCreate{Name: "x", Target: target, Type: "slack", Events: events(true, event)}
		}
		_, err := api.IntegrationCreate(slack("https://hooks.slack.com/x", "siem"))
		refused(t, err, 400, `{"status":400,"body":{"events":{"error":"is invalid","value":"siem"}}}`)
		_, err = api.IntegrationCreate(slack("ftp://hooks.slack.com/x", "system"))
		refused(t, err, 400, "")
		_, err = api.IntegrationCreate(&wallarm.IntegrationCreate{Type: "pigeon", Target: "x"})
		refused(t, err, 400, `{"status":400,"body":{"type":{"error":"is invalid","value":"pigeon"}}}`)
		_, err = api.EmailIntegrationCreate(&wallarm.EmailIntegrationCreate{Type: "email", Target: []string{"a@acme.test"}, Clientid: 999999})
		refused(t, err, 403, `{"status":403,"body":"Access denied"}`)
		_, err = api.IntegrationPartialUpdate(999999999, map[string]any{"name": "x"})
		refused(t, err, 404, `{"status":404,"body":"Not found"}`)
		_, err = api.TelegramIntegrationCreate(&wallarm.TelegramIntegrationCreate{Name: "x"})
		refused(t, err, 400, "")
	})
}
