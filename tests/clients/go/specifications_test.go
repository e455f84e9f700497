package clients

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	wallarm "github.com/wallarm/wallarm-go"
)

const petstore = `openapi: 3.0.3
info: {title: Pets, version: 1.4.0}
paths:
  /pets:
    get: {responses: {'200': {description: All}}}
    post: {responses: {'201': {description: Made}}}
  /pets/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {'200': {description: One}}
`

// files serves one specification to whoever sends the expected header, or to all when there is none.
func files(t *testing.T, header, value string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(reply http.ResponseWriter, request *http.Request) {
		if header != "" && request.Header.Get(header) != value {
			reply.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(reply, petstore)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/spec.yaml"
}

func TestSpecifications(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		title := named("pets")
		new := &wallarm.APISpecCreate{Title: title, Description: "d", FileRemoteURL: files(t, "X-Key", "k1"), ClientID: cloud.ClientID,
			Domains: []any{"b.example.com", "a.example.com"}, Instances: []any{2, 1},
			AuthHeaders: []wallarm.APISpecAuthHeader{{Key: "X-Key", Value: "k1"}, {Key: "Accept", Value: "application/yaml"}}}
		created := must[wallarm.APISpecCreateResp](t)(api.APISpecCreate(new)).Body
		equal(t, words(created.Title, created.Description, created.FileRemoteURL, created.Status, created.ClientID),
			words(title, "d", new.FileRemoteURL, "ready", cloud.ClientID))
		equal(t, words(created.Domains, created.Instances, created.RegularFileUpdate, created.APIDetection),
			words(new.Domains, new.Instances, false, false))
		equal(t, words(created.OpenAPIVersion, created.SpecVersion, created.EndpointsCount, created.Version, created.File.Name,
			created.Policy == nil), words("3.0.3", "1.4.0", 3, 1, "spec.yaml", true))
		same(t, created.AuthHeaders, new.AuthHeaders)
		read := func() *wallarm.APISpecBody {
			spec := must[wallarm.APISpecBody](t)(api.APISpecReadByID(cloud.ClientID, created.ID))
			spec.File.SignedURL, created.File.SignedURL = "", ""
			return &spec
		}
		same(t, read(), created)
		page := must[wallarm.APISpecListResp](t)(api.APISpecList(cloud.ClientID, 1, 50))
		equal(t, words(page.CurrentPage, page.PerPage, page.TotalPages, page.TotalCount, page.Items[0].ID), words(1, 50, 1, 1, created.ID))

		updated := must[wallarm.APISpecCreateResp](t)(api.APISpecUpdate(cloud.ClientID, created.ID, &wallarm.APISpecUpdate{
			Title: pointer(title + "-b"), Description: pointer(""), APIDetection: pointer(true), Domains: []any{"c.example.com"}})).Body
		expected := *created
		expected.Title, expected.Description, expected.APIDetection, expected.Domains = title+"-b", "", true, []any{"c.example.com"}
		expected.UpdatedAt, updated.File.SignedURL = updated.UpdatedAt, ""
		same(t, updated, &expected)
		same(t, read(), updated)

		policies(t, api, created.ID)
		ok(t, api.APISpecDelete(cloud.ClientID, created.ID))
		_, err := api.APISpecReadByID(cloud.ClientID, created.ID)
		equal(t, errors.Is(err, wallarm.ErrNotFound), true)
		ok(t, api.APISpecDelete(cloud.ClientID, created.ID))
		_, err = api.APISpecUpdate(cloud.ClientID, created.ID, &wallarm.APISpecUpdate{Title: pointer("x")})
		equal(t, errors.Is(err, wallarm.ErrNotFound), true)
	})
}

// policies: what is set comes back, limits stay the operator's, and disabling keeps the rest.
func policies(t *testing.T, api wallarm.API, spec int) {
	t.Helper()
	host := wallarm.APISpecPolicyCondition{Type: "iequal", Point: []any{"header", "HOST"}, Value: "pets.test"}
	path := wallarm.APISpecPolicyCondition{Type: "equal", Point: []any{"path", 0}, Value: "pets"}
	policy := &wallarm.APISpecPolicy{Enabled: true, Conditions: []wallarm.APISpecPolicyCondition{host, path},
		UndefinedEndpointMode: "block", UndefinedParameterMode: "ignore", MissingAuthMode: "monitor", Timeout: 9, TimeoutMode: "block"}
	put := must[wallarm.APISpecPolicyResp](t)(api.APISpecPolicyPut(cloud.ClientID, spec, policy)).Body
	expected := *policy
	expected.MissingParameterMode, expected.InvalidParameterValueMode, expected.InvalidRequestMode = "monitor", "monitor", "monitor"
	expected.Timeout, expected.TimeoutMode, expected.MaxRequestSize, expected.MaxRequestSizeMode = 50, "monitor", 1024, "monitor"
	same(t, put, &expected)
	same(t, must[wallarm.APISpecBody](t)(api.APISpecReadByID(cloud.ClientID, spec)).Policy, put)

	off := must[wallarm.APISpecPolicyResp](t)(api.APISpecPolicyPut(cloud.ClientID, spec,
		&wallarm.APISpecPolicy{Conditions: policy.Conditions})).Body
	expected.Enabled = false
	same(t, off, &expected)
	_, err := api.APISpecPolicyPut(cloud.ClientID, spec, &wallarm.APISpecPolicy{MissingAuthMode: "sometimes", Conditions: []wallarm.APISpecPolicyCondition{}})
	refused(t, err, 400, `{"status":400,"body":{"missing_auth_mode":{"error":"is invalid","value":"sometimes"}}}`)
	_, err = api.APISpecPolicyPut(cloud.ClientID, 999999999, policy)
	equal(t, errors.Is(err, wallarm.ErrNotFound), true)
}

func TestRefusalsOfSpecifications(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		_, err := api.APISpecCreate(&wallarm.APISpecCreate{ClientID: cloud.ClientID, FileRemoteURL: files(t, "", "")})
		refused(t, err, 400, `{"status":400,"body":{"title":{"error":"can't be blank"}}}`)
		_, err = api.APISpecCreate(&wallarm.APISpecCreate{ClientID: cloud.ClientID, Title: "x"})
		refused(t, err, 400, `{"status":400,"body":{"file_remote_url":{"error":"can't be blank"}}}`)
		_, err = api.APISpecCreate(&wallarm.APISpecCreate{ClientID: cloud.ClientID, Title: "x", FileRemoteURL: "http://169.254.169.254/"})
		refused(t, err, 400, "")
		_, err = api.APISpecCreate(&wallarm.APISpecCreate{ClientID: 999999, Title: "x", FileRemoteURL: "https://a.test/"})
		refused(t, err, 403, `{"status":403,"body":"Access denied"}`)
		equal(t, must[wallarm.APISpecListResp](t)(api.APISpecList(cloud.ClientID, 1, 50)).TotalCount, 0)
	})
}

func TestDiscoveryIsConfigured(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		read := func() *wallarm.APIDiscoveryConfig {
			return must[*wallarm.APIDiscoveryConfig](t)(api.APIDiscoveryConfigRead(cloud.ClientID))
		}
		before := *read()
		equal(t, words(before.ClientID, before.Enabled, before.EndpointStability, before.TypeDetectionThreshold), words(cloud.ClientID, true, "{2 300}", 0.5))
		after := before
		after.Enabled, after.PIIDetectionThreshold, after.DisabledApps = false, 0.35, []int{7, 3}
		after.Protocols.SOAP, after.EndpointStability.MinTime = false, 900
		ok(t, api.APIDiscoveryConfigUpdate(cloud.ClientID, &after))
		same(t, read(), after)
		after.EndpointStability.MinCount = 101
		refused(t, api.APIDiscoveryConfigUpdate(cloud.ClientID, &after), 400, "")
		refused(t, api.APIDiscoveryConfigUpdate(999999, &before), 403, `{"status":403,"body":"Access denied"}`)
		ok(t, api.APIDiscoveryConfigUpdate(cloud.ClientID, &before))
		same(t, read(), before)
	})
}
