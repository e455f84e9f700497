package clients

import (
	"errors"
	"testing"

	wallarm "github.com/wallarm/wallarm-go"
)

func TestTheCallerLearnsWhoItIs(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		self := must[*wallarm.UserDetails](t)(api.UserDetails()).Body
		equal(t, words(self.Clientid, self.Email, self.CreateAt.IsZero()), words(cloud.ClientID, cloud.Email, false))
	})
	api := connect(t, map[string]string{"X-WallarmAPI-Token": "wrong"})
	_, err := api.UserDetails()
	refused(t, err, 403, `{"status":403,"body":"User not authenticated"}`)
}

func TestUsers(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		email := named("user") + "@acme.test"
		new := &wallarm.UserCreate{Email: email, Username: email, Realname: "John", Password: "wallArm123!-x",
			Permissions: []string{"analytic"}, Clientid: cloud.ClientID, Enabled: true}
		created := must[*wallarm.UserCreateResponse](t)(api.UserCreate(new)).Body
		equal(t, created.Permissions[0], "analytic")
		_, err := api.UserCreate(new)
		equal(t, errors.Is(err, wallarm.ErrExistingResource), true)
		read := func() []wallarm.UserParams {
			return must[*wallarm.UserRead](t)(api.UserRead(&wallarm.UserGet{Limit: 500, OrderBy: "realname",
				Filter: &wallarm.UserFilter{ID: created.ID}})).Body
		}
		equal(t, words(read()[0].Realname, read()[0].Enabled), "John true")
		ok(t, api.UserUpdate(&wallarm.UserUpdate{UserFilter: &wallarm.UserFilter{ID: created.ID},
			UserFields: &wallarm.UserFields{Realname: "Joan", Enabled: true}}))
		equal(t, read()[0].Realname, "Joan")
		ok(t, api.UserDelete(&wallarm.UserDelete{Filter: &wallarm.UserFilter{ID: created.ID}}))
		equal(t, len(read()), 0)
	})
}

func TestApplications(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		id := 1000 + int(unique.Add(1))
		new := &wallarm.AppCreate{ID: &id, Clientid: cloud.ClientID, Name: named("app")}
		ok(t, api.AppCreate(new))
		err := api.AppCreate(new)
		equal(t, errors.Is(err, wallarm.ErrExistingResource), true)
		equal(t, errors.Is(api.AppCreate(&wallarm.AppCreate{ID: pointer(-1), Clientid: cloud.ClientID, Name: "default"}), wallarm.ErrExistingResource), true)
		name := func() string {
			for _, app := range must[*wallarm.AppReadResp](t)(api.AppRead(&wallarm.AppRead{Limit: 500, Filter: &wallarm.AppReadFilter{Clientid: []int{cloud.ClientID}}})).Body {
				if *app.ID == id {
					return app.Name
				}
			}
			return ""
		}
		equal(t, name(), new.Name)
		ok(t, api.AppUpdate(&wallarm.AppUpdate{Fields: &wallarm.AppUpdateFields{Name: "renamed"},
			Filter: &wallarm.AppUpdateFilter{ID: id, AppReadFilter: &wallarm.AppReadFilter{Clientid: []int{cloud.ClientID}}}}))
		equal(t, name(), "renamed")
		ok(t, api.AppDelete(&wallarm.AppDelete{Filter: &wallarm.AppFilter{ID: id, Clientid: cloud.ClientID}}))
		equal(t, name(), "")
	})
}

func TestNodes(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		new := &wallarm.NodeCreate{Hostname: named("node"), Type: "cloud_node", Clientid: cloud.ClientID}
		created := must[*wallarm.NodeCreateResp](t)(api.NodeCreate(new)).Body
		if size := len(created.Token); size < 64 || size > 66 || len(created.Secret) != 64 {
			t.Fatalf("token %d, secret %d characters", size, len(created.Secret))
		}
		_, err := api.NodeCreate(new)
		equal(t, errors.Is(err, wallarm.ErrExistingResource), true)
		for _, kind := range []string{"all", "cloud_node"} {
			found := 0
			for _, node := range must[*wallarm.NodeRead](t)(api.NodeRead(cloud.ClientID, kind)).Body {
				if node.ID == created.ID && node.UUID == created.UUID {
					found++
				}
			}
			equal(t, found, 1)
		}
		flat := must[*wallarm.NodeReadPOST](t)(api.NodeReadByFilter(&wallarm.NodeReadByFilter{Limit: 10, OrderBy: "id",
			Filter: &wallarm.NodeFilter{Hostname: new.Hostname}})).Body
		equal(t, words(len(flat), flat[0].ID), words(1, created.UUID))
		ok(t, api.NodeDelete(created.ID))
		refused(t, api.NodeDelete(created.ID), 404, "")
	})
}

func TestTheOwnClientAndTenants(t *testing.T) {
	everyCredential(t, func(t *testing.T, api wallarm.API) {
		own := must[*wallarm.ClientInfo](t)(api.ClientRead(&wallarm.ClientRead{Limit: 500,
			Filter: &wallarm.ClientReadFilter{ClientFilter: wallarm.ClientFilter{ID: cloud.ClientID}, Enabled: true}})).Body
		equal(t, len(own), 1)
		for _, mode := range []string{"on", "off"} {
			changed := must[*wallarm.ClientInfo](t)(api.ClientUpdate(&wallarm.ClientUpdate{
				Filter: &wallarm.ClientFilter{ID: cloud.ClientID}, Fields: &wallarm.ClientFields{AttackRecheckerMode: mode}}))
			equal(t, changed.Body[0].AttackRecheckerMode, mode)
		}
		// The demo's administrator is of one company: tenants are for global administrators.
		_, err := api.ClientCreate(&wallarm.ClientCreate{Name: named("tenant"), PartnerUUID: own[0].PartnerUUID})
		refused(t, err, 403, `{"status":403,"body":"Access denied"}`)
		_, err = api.ClientDelete(&wallarm.ClientDelete{Filter: &wallarm.ClientFilter{ID: cloud.ClientID}})
		refused(t, err, 403, `{"status":403,"body":"Access denied"}`)
	})
}
