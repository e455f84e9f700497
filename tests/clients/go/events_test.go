package clients

import (
	"net/http"
	"strings"
	"testing"
	"time"

	wallarm "github.com/wallarm/wallarm-go"
)

// attack sends a request with an attack through the demo's node and waits until its hit is in the cloud.
func attack(t *testing.T, api wallarm.API) *wallarm.Hit {
	t.Helper()
	name := named("file")
	reply, err := http.Get(cloud.NodeURL + "/" + name + "?name=../../../../etc/passwd")
	ok(t, err)
	reply.Body.Close()
	deadline := time.Now().Add(30 * time.Second)
	for {
		hits := must[[]*wallarm.Hit](t)(api.HitRead(&wallarm.HitReadRequest{Limit: 500, OrderBy: "time", OrderDesc: true,
			Filter: &wallarm.HitFilter{ClientID: cloud.ClientID, NotExperimental: true}}))
		for _, hit := range hits {
			if strings.Contains(hit.Path, name) {
				return hit
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the hit did not arrive")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestHitsAndAttacks(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		hit := attack(t, api)
		equal(t, hit.Type, "ptrav")
		by := &wallarm.AttackCountFilter{ClientID: []int{cloud.ClientID}, Path: []string{hit.Path}}
		attacks := must[*wallarm.AttackReadResp](t)(api.AttackRead(&wallarm.AttackReadRequest{Limit: 10, OrderBy: "last_time",
			Filter: &wallarm.AttackFilter{ClientID: by.ClientID, Path: by.Path}}))
		equal(t, attacks.Body[0].Type, "ptrav")
		equal(t, must[*wallarm.AttackCountResp](t)(api.AttackCount(&wallarm.AttackCountRequest{Filter: by})).Body.Attacks, 1)
		same(t, must[*wallarm.AttackIPResp](t)(api.AttackIP(&wallarm.AttackIPRequest{Filter: by})).Body, []string{"127.0.0.1"})
		one := &wallarm.HitFilter{ClientID: cloud.ClientID, ID: hit.ID}
		details := must[*wallarm.HitDetailsResp](t)(api.HitDetails(&wallarm.HitDetailsRequest{Filter: one}))
		equal(t, details.Body[0].Raw.Method, "GET")
		raw := must[[]byte](t)(api.HitRaw(&wallarm.HitRawRequest{Filter: one}))
		if !strings.Contains(string(raw), "etc") {
			t.Fatalf("not the request: %s", raw)
		}
		scope := must[*wallarm.ActionByHitResponse](t)(api.ActionReadByHitID(hit.ID)).Body
		equal(t, scope.Clientid, cloud.ClientID)
		same(t, scope.Conditions[len(scope.Conditions)-1], wallarm.ActionDetails{Type: "absent", Point: []any{"path", 0}})
	})
}
