package clients

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	wallarm "github.com/wallarm/wallarm-go"
)

// notYet names the methods that the cloud does not serve yet. A method that a test calls must leave the list.
var notYet = map[string]bool{
	"APIDiscoveryConfigRead": true, "APIDiscoveryConfigUpdate": true,
	"APISpecCreate": true, "APISpecDelete": true, "APISpecList": true, "APISpecPolicyPut": true,
	"APISpecReadByID": true, "APISpecUpdate": true,
	"ActivityLogEventRead": true, "ActivityLogEventsGetFilters": true, "ActivityLogEventsRead": true,
	"EmailIntegrationCreate": true, "EmailIntegrationUpdate": true,
	"GetSecurityIssue": true, "GetSecurityIssueGroups": true, "GetSecurityIssueGroupsCount": true,
	"GetSecurityIssuesCount": true, "GetSecurityIssuesRead": true,
	"IntegrationCreate": true, "IntegrationDelete": true, "IntegrationPartialUpdate": true,
	"IntegrationRead": true, "IntegrationUpdate": true, "IntegrationWithAPICreate": true,
	"IntegrationWithAPIUpdate": true, "TelegramIntegrationCreate": true, "TelegramIntegrationUpdate": true,
	"TriggerCreate": true, "TriggerDelete": true, "TriggerRead": true, "TriggerUpdate": true,
}

// calledMethods reads the tests themselves: every method called on a value named api or admin.
func calledMethods(t *testing.T) map[string]bool {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), ".", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, pkg := range packages {
		ast.Inspect(pkg, func(node ast.Node) bool {
			call, isCall := node.(*ast.CallExpr)
			if !isCall {
				return true
			}
			if selector, isSelector := call.Fun.(*ast.SelectorExpr); isSelector {
				if receiver, isName := selector.X.(*ast.Ident); isName && receiver.Name == "api" {
					called[selector.Sel.Name] = true
				}
			}
			return true
		})
	}
	return called
}

func TestEveryMethodOfTheClientIsCalled(t *testing.T) {
	called := calledMethods(t)
	api := reflect.TypeOf((*wallarm.API)(nil)).Elem()
	var forgotten, stale []string
	for i := 0; i < api.NumMethod(); i++ {
		name := api.Method(i).Name
		switch {
		case !called[name] && !notYet[name]:
			forgotten = append(forgotten, name)
		case called[name] && notYet[name]:
			stale = append(stale, name)
		}
	}
	if len(forgotten) > 0 || len(stale) > 0 {
		t.Fatalf("never called: %s; called, yet listed as not served: %s",
			strings.Join(forgotten, " "), strings.Join(stale, " "))
	}
}
