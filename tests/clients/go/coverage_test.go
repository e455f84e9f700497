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

// calledMethods reads the tests themselves: every method called on a value named api.
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
	var forgotten []string
	for i := 0; i < api.NumMethod(); i++ {
		if name := api.Method(i).Name; !called[name] {
			forgotten = append(forgotten, name)
		}
	}
	if len(forgotten) > 0 {
		t.Fatalf("never called: %s", strings.Join(forgotten, " "))
	}
}
