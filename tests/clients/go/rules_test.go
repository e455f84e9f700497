package clients

import (
	"fmt"
	"testing"

	wallarm "github.com/wallarm/wallarm-go"
)

// scope makes conditions that no other test uses.
func scope() *[]wallarm.ActionDetails {
	return &[]wallarm.ActionDetails{
		{Type: "iequal", Point: []any{"header", "HOST"}, Value: named("shop") + ".test"},
		{Type: "equal", Point: []any{"path", 0}, Value: "auth"},
		{Type: "absent", Point: []any{"path", 1}},
	}
}

var login = wallarm.TwoDimensionalSlice{{"post"}, {"form_urlencoded", "login"}}

func listed(t *testing.T, api wallarm.API, filter wallarm.HintFilter) []wallarm.ActionBody {
	t.Helper()
	filter.Clientid = []int{cloud.ClientID}
	found := must[*wallarm.HintReadResp](t)(api.HintRead(
		&wallarm.HintRead{Limit: 500, OrderBy: "id", OrderDesc: true, Filter: &filter}))
	return *found.Body
}

func remove(t *testing.T, api wallarm.API, ids ...int) []wallarm.ActionBody {
	t.Helper()
	filter := &wallarm.HintDeleteFilter{Clientid: []int{cloud.ClientID}, ID: ids}
	return must[*wallarm.HintDeleteResp](t)(api.HintDelete(&wallarm.HintDelete{Filter: filter})).Body
}

// rules has one rule of every type, as the public provider sends it.
func rules() []wallarm.ActionCreate {
	ten, zero := 10, 0
	regexps := &wallarm.EnumeratedParameters{Mode: "regexp", NameRegexps: []string{"id", ""},
		ValueRegexp: []string{""}, AdditionalParameters: pointer(false), PlainParameters: pointer(true)}
	exact := &wallarm.EnumeratedParameters{Mode: "exact", Points: []*wallarm.Points{
		{Point: []any{"post", "json_doc", "hash", "id"}, Sensitive: true}}}
	threshold := &wallarm.Threshold{Count: 5, Period: 30}
	block := &wallarm.Reaction{BlockBySession: pointer(600), BlockByIP: pointer(3600)}
	gray := &wallarm.Reaction{GraylistByIP: pointer(600)}
	advanced := []wallarm.AdvancedCondition{{Field: "method", Operator: "eq", Value: []string{"POST", "PUT"}}}
	arbitrary := []wallarm.ArbitraryConditionReq{{Point: login, Operator: "match", Value: []string{"a.*"}}}
	return []wallarm.ActionCreate{
		{Type: "wallarm_mode", Mode: "block"},
		{Type: "api_abuse_mode", Mode: "disabled"},
		{Type: "overlimit_res_settings", OverlimitTime: &zero, Mode: "blocking"},
		{Type: "vpatch", AttackType: "any", Point: login},
		{Type: "regex", Regex: "[.]git", AttackType: "vpatch", Point: wallarm.TwoDimensionalSlice{{"uri"}}},
		{Type: "experimental_regex", Regex: `\D`, AttackType: "sqli", Point: wallarm.TwoDimensionalSlice{{"header", "HOST"}, {"pollution"}}},
		{Type: "disable_attack_type", AttackType: "sqli", Point: login},
		{Type: "sensitive_data", Point: wallarm.TwoDimensionalSlice{{"header", "headers"}}},
		{Type: "binary_data", Point: wallarm.TwoDimensionalSlice{{"post"}, {"xml"}, {"array_all"}, {"xml_attr", "CDATA"}}},
		{Type: "uploads", FileType: "images", Point: wallarm.TwoDimensionalSlice{{"post"}}},
		{Type: "parser_state", Parser: "gzip", State: "disabled", Point: wallarm.TwoDimensionalSlice{{"path", 3}}},
		{Type: "set_response_header", Mode: "replace", Name: "X-Frame", Values: []string{"DENY", ""}},
		{Type: "rate_limit", Rate: &zero, Delay: &ten, RspStatus: 404, Point: wallarm.TwoDimensionalSlice{{"remote_addr"}}},
		{Type: "graphql_detection", Mode: "block", MaxDepth: 7, Introspection: pointer(false)},
		{Type: "brute", Mode: "block", AttackType: "brute", Threshold: threshold, Reaction: block,
			EnumeratedParameters: regexps, AdvancedConditions: advanced, ArbitraryConditions: arbitrary},
		{Type: "bola", Mode: "monitoring", AttackType: "bola", Threshold: threshold, Reaction: gray, EnumeratedParameters: exact},
		{Type: "enum", Mode: "monitoring", AttackType: "enum", Threshold: threshold, Reaction: gray, EnumeratedParameters: regexps},
		{Type: "forced_browsing", Mode: "block", AttackType: "dirbust", Threshold: threshold, Reaction: block},
		{Type: "rate_limit_enum", Mode: "block", AttackType: "rate_limit", Threshold: threshold, Reaction: block},
		{Type: "file_upload_size_limit", Size: 5, SizeUnit: "mb", Mode: "block"},
	}
}

// TestRulesOfEveryType: what creation, lists and update return is equal, since clients keep either.
func TestRulesOfEveryType(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		for _, rule := range rules() {
			rule := rule
			t.Run(rule.Type, func(t *testing.T) {
				rule.Clientid, rule.Action, rule.Active = cloud.ClientID, scope(), true
				rule.VariativityDisabled, rule.Comment = true, "Managed by Terraform"
				created := must[*wallarm.ActionCreateResp](t)(api.HintCreate(&rule)).Body
				equal(t, created.Type, rule.Type)
				equal(t, created.Mode, rule.Mode)
				equal(t, created.VariativityDisabled, true)
				equal(t, len(created.Action), 3)
				if len(rule.Point) > 0 {
					var flat []any
					for _, step := range rule.Point {
						flat = append(flat, step...)
					}
					same(t, created.Point, flat)
				}
				same(t, listed(t, api, wallarm.HintFilter{ID: []int{created.ID}})[0], created)
				same(t, listed(t, api, wallarm.HintFilter{ActionID: []int{created.ActionID}, Type: []string{rule.Type}})[0], created)

				updated := must[*wallarm.ActionCreateResp](t)(api.HintUpdateV3(created.ID, &wallarm.HintUpdateV3Params{
					VariativityDisabled: pointer(true), Comment: pointer("Changed"), Title: pointer(""),
					Active: pointer(false), Set: pointer("")})).Body
				expected := *created
				expected.Comment, expected.Active, expected.Enabled, expected.UpdatedAt = "Changed", false, false, updated.UpdatedAt
				same(t, updated, &expected)
				same(t, listed(t, api, wallarm.HintFilter{ID: []int{created.ID}})[0], updated)

				equal(t, remove(t, api, created.ID)[0].ID, created.ID)
				equal(t, len(listed(t, api, wallarm.HintFilter{ID: []int{created.ID}})), 0)
				equal(t, len(remove(t, api, created.ID)), 0)
			})
		}
	})
}

func TestDefaultsAreEchoed(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		limit := wallarm.ActionCreate{Type: "rate_limit", Action: scope(), Rate: pointer(100), RspStatus: 503, Active: true,
			Point: wallarm.TwoDimensionalSlice{{"header", "X"}}}
		body := must[*wallarm.ActionCreateResp](t)(api.HintCreate(&limit)).Body
		equal(t, words(body.Burst, body.Delay, body.TimeUnit, len(body.Suffix), body.VariativityDisabled), "0 0 rps 8 true")
		graphql := wallarm.ActionCreate{Type: "graphql_detection", Action: scope(), Mode: "default", Active: true}
		body = must[*wallarm.ActionCreateResp](t)(api.HintCreate(&graphql)).Body
		equal(t, words(body.MaxDepth, body.MaxValueSizeKb, body.MaxDocSizeKb, body.MaxAliases, body.MaxDocPerBatch,
			*body.Introspection, *body.DebugEnabled), "10 10 100 5 10 true true")
		upload := wallarm.ActionCreate{Type: "file_upload_size_limit", Action: scope(), Size: 10, Active: true}
		body = must[*wallarm.ActionCreateResp](t)(api.HintCreate(&upload)).Body
		equal(t, words(body.Mode, body.SizeUnit, body.Mitigation, body.Point), "monitoring b file_upload_policy []")
	})
}

func TestExpressionsAreNumbered(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		uri := wallarm.TwoDimensionalSlice{{"uri"}}
		regex := wallarm.ActionCreate{Type: "regex", Action: scope(), Regex: "[.]git", AttackType: "scanner", Point: uri, Active: true}
		created := must[*wallarm.ActionCreateResp](t)(api.HintCreate(&regex)).Body
		number, isNumber := created.RegexID.(float64)
		if !isNumber || number < 1 {
			t.Fatalf("no number: %v", created.RegexID)
		}
		off := wallarm.ActionCreate{Type: "disable_regex", Action: scope(), RegexID: int(number), Point: uri, Active: true}
		disabled := must[*wallarm.ActionCreateResp](t)(api.HintCreate(&off)).Body
		updated := must[*wallarm.ActionCreateResp](t)(api.HintUpdateV3(created.ID, &wallarm.HintUpdateV3Params{Regex: pointer("[.]svn")})).Body
		if updated.RegexID.(float64) <= number {
			t.Fatalf("the number of a new expression is %v", updated.RegexID)
		}
		equal(t, len(listed(t, api, wallarm.HintFilter{ID: []int{disabled.ID}})), 0)
		_, err := api.HintCreate(&off)
		refused(t, err, 400, fmt.Sprintf(`{"status":400,"body":{"regex_id":{"error":"is invalid","value":%d}}}`, int(number)))
	})
}

func TestCountersBelongToTheServer(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		for _, kind := range []string{"brute_counter", "dirbust_counter", "bola_counter"} {
			counter := wallarm.ActionCreate{Type: kind, Action: scope(), Active: true}
			created := must[*wallarm.ActionCreateResp](t)(api.HintCreate(&counter)).Body
			var prefix rune
			var client int
			var hex string
			_, err := fmt.Sscanf(created.Counter, "%c:%d:%16s", &prefix, &client, &hex)
			ok(t, err)
			equal(t, fmt.Sprintf("%c %d %d", prefix, client, len(hex)),
				fmt.Sprintf("%c %d 16", map[string]rune{"brute_counter": 'b', "dirbust_counter": 'd', "bola_counter": 'i'}[kind], cloud.ClientID))
			_, err = api.HintUpdateV3(created.ID, &wallarm.HintUpdateV3Params{Comment: pointer("x")})
			refused(t, err, 403, `{"status":403,"body":"Access denied"}`)
			equal(t, len(remove(t, api, created.ID)), 0)
		}
	})
}

func TestCredentialRulesHaveAListOfTheirOwn(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		point := wallarm.ActionCreate{Type: "credentials_point", Action: scope(), Active: true, Comment: "c",
			Point: wallarm.TwoDimensionalSlice{{"header", "HOST"}}, LoginPoint: wallarm.TwoDimensionalSlice{{"header", "SESSION-ID"}}}
		regex := wallarm.ActionCreate{Type: "credentials_regex", Action: scope(), Active: true, Regex: "pass", LoginRegex: "login",
			CaseSensitive: pointer(true), CredStuffType: "custom"}
		for _, rule := range []wallarm.ActionCreate{point, regex} {
			created := must[*wallarm.ActionCreateResp](t)(api.HintCreate(&rule)).Body
			equal(t, created.Clientid, cloud.ClientID)
			read := func() *wallarm.ActionBody {
				for _, config := range must[[]wallarm.ActionBody](t)(api.CredentialStuffingConfigsRead(cloud.ClientID)) {
					if config.ID == created.ID {
						return &config
					}
				}
				return nil
			}
			same(t, read(), created)
			remove(t, api, created.ID)
			if read() != nil {
				t.Fatal("a deleted rule is still listed")
			}
		}
	})
}

func TestActions(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		rule := wallarm.ActionCreate{Type: "vpatch", AttackType: "xss", Point: login, Action: scope(), Active: true}
		created := must[*wallarm.ActionCreateResp](t)(api.HintCreate(&rule)).Body
		entry := must[*wallarm.ActionEntry](t)(api.ActionReadByID(created.ActionID))
		same(t, entry.Conditions, created.Action)
		equal(t, *entry.EndpointPath, "/auth/*.*")
		listed := must[*wallarm.ActionListResponse](t)(api.ActionList(&wallarm.ActionListParams{Limit: 1000,
			Filter: &wallarm.ActionListFilter{Clientid: []int{cloud.ClientID}, ID: []int{created.ActionID}, HintType: []string{"vpatch"}, Empty: pointer(false)}}))
		same(t, listed.Body, []wallarm.ActionEntry{*entry})
		general := must[*wallarm.ActionListResponse](t)(api.ActionList(&wallarm.ActionListParams{Limit: 500,
			Filter: &wallarm.ActionListFilter{Clientid: []int{cloud.ClientID}, Empty: pointer(true)}}))
		equal(t, len(general.Body[0].Conditions), 0)
		remove(t, api, created.ID)
		_, err := api.ActionReadByID(created.ActionID)
		refused(t, err, 404, `{"status":404,"body":"Not found"}`)
		_, err = api.ActionReadByHitID([]string{fmt.Sprintf("hits_production_%d_202601_v_1", cloud.ClientID), "none"})
		refused(t, err, 404, "")
	})
}

func TestRefusalsOfRulesNameTheField(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		refuse := func(rule wallarm.ActionCreate, body string) {
			t.Helper()
			_, err := api.HintCreate(&rule)
			refused(t, err, 400, `{"status":400,"body":`+body+`}`)
		}
		refuse(wallarm.ActionCreate{Type: "nonsense"}, `{"type":{"error":"is invalid","value":"nonsense"}}`)
		refuse(wallarm.ActionCreate{Type: "vpatch", AttackType: "xss"}, `{"point":{"error":"can't be blank","value":null}}`)
		refuse(wallarm.ActionCreate{Type: "rate_limit", Point: login, Rate: pointer(1001), RspStatus: 503},
			`{"rate":{"error":"should be in 0..1000","value":1001}}`)
		refuse(wallarm.ActionCreate{Type: "forced_browsing", Mode: "monitoring", Threshold: &wallarm.Threshold{Count: 1, Period: 1},
			Reaction: &wallarm.Reaction{BlockByIP: pointer(600)}},
			`{"reaction":{"error":"keys should contain only [:graylist_by_ip] keys for the mode monitoring","value":{"block_by_ip":600}}}`)
		_, err := api.HintCreate(&wallarm.ActionCreate{Type: "disable_stamp", Stamp: 1, Point: login})
		refused(t, err, 403, `{"status":403,"body":"Access denied"}`)
		_, err = api.HintCreate(&wallarm.ActionCreate{Type: "vpatch", AttackType: "xss", Point: login, Clientid: 999999})
		refused(t, err, 403, `{"status":403,"body":"Access denied"}`)
		_, err = api.HintUpdateV3(999999999, &wallarm.HintUpdateV3Params{Comment: pointer("x")})
		refused(t, err, 404, `{"status":404,"body":"Not found"}`)
		equal(t, len(remove(t, api, 999999999)), 0)
	})
}

func TestGeneralModesAndSettings(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		client := cloud.ClientID
		for _, mode := range []string{"monitoring", "block", "default"} {
			equal(t, must[*wallarm.WallarmModeResponse](t)(api.WallarmModeUpdate(&wallarm.WallarmModeParams{Mode: mode}, client)).Body.Mode, mode)
			equal(t, must[*wallarm.WallarmModeResponse](t)(api.WallarmModeRead(client)).Body.Mode, mode)
		}
		_, err := api.WallarmModeUpdate(&wallarm.WallarmModeParams{Mode: "x"}, client)
		refused(t, err, 400, `{"status":400,"body":{"mode":{"error":"is invalid","value":"x"}}}`)

		budget := wallarm.OverlimitResSettingsParams{OverlimitTime: 0, Mode: "blocking"}
		same(t, must[*wallarm.OverlimitResSettingsResponse](t)(api.OverlimitResSettingsUpdate(&budget, client)).Body, budget)
		same(t, must[*wallarm.OverlimitResSettingsResponse](t)(api.OverlimitResSettingsRead(client)).Body, budget)
		_, err = api.OverlimitResSettingsUpdate(&wallarm.OverlimitResSettingsParams{OverlimitTime: 10001, Mode: "blocking"}, client)
		refused(t, err, 400, "")

		patch := &wallarm.RuleSettingsParams{MinLomFormat: pointer(54), PiiWeight: pointer(0), RiskScoreAlgo: pointer("average")}
		changed := must[*wallarm.RulesSettingsResponse](t)(api.RulesSettingsUpdate(patch, client)).Body
		equal(t, words(changed.ClientID, *changed.MinLomFormat, changed.MaxLomFormat == nil, *changed.PiiWeight, *changed.RiskScoreAlgo),
			words(client, 54, true, 0, "average"))
		same(t, must[*wallarm.RulesSettingsResponse](t)(api.RulesSettingsRead(client)).Body, changed)
		_, err = api.RulesSettingsUpdate(&wallarm.RuleSettingsParams{MaxLomSize: pointer(1024)}, client)
		refused(t, err, 400, `{"status":400,"body":{"max_lom_size":{"error":"must be greater than or equal to 1025","value":1024}}}`)

		ok(t, second(api.RulesSettingsUpdate(&wallarm.RuleSettingsParams{RulesManipulationLocked: pointer(true)}, client)))
		_, err = api.HintCreate(&wallarm.ActionCreate{Type: "vpatch", AttackType: "xss", Point: login})
		refused(t, err, 423, `{"status":423,"body":"Rules are locked"}`)
		ok(t, second(api.RulesSettingsUpdate(&wallarm.RuleSettingsParams{RulesManipulationLocked: pointer(false)}, client)))
	})
}

func second[T any](_ T, err error) error {
	return err
}
