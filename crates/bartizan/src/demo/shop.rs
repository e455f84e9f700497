//! The demo's upstream: a small shop with a JSON API and an HTML page, careless on purpose.
//!
//! It repeats input in its answers and reports "database errors", so that it looks worth attacking; it has no
//! database and runs nothing.

use axum::{
    Json, Router,
    extract::{Path, Query},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Serves the shop on a free loopback port until the listener's task is dropped; returns its base URL.
pub(super) async fn start() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes()).await });
    Ok(url)
}

fn routes() -> Router {
    Router::new()
        .route("/", get(home))
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/api/products", get(products))
        .route("/api/products/{id}", get(product))
        .route("/api/search", get(search))
        .route("/api/orders", post(order))
        .route("/api/login", post(login))
        .route("/files", get(file))
}

async fn home() -> Html<&'static str> {
    Html(
        "<!doctype html><title>Corner Shop</title><h1>Corner Shop</h1>\
         <form action=/api/search><input name=q aria-label=Search><button>Search</button></form>\
         <p><a href=/api/products>All products</a></p>",
    )
}

const PRODUCTS: [(u32, &str, f64); 6] = [
    (1, "Enamel mug", 9.5),
    (2, "Notebook, dotted", 6.0),
    (3, "Desk lamp", 42.0),
    (4, "Wool blanket", 65.0),
    (5, "Coffee, 500 g", 11.9),
    (6, "Umbrella", 24.0),
];

fn product_json((id, name, price): (u32, &str, f64)) -> Value {
    json!({"id": id, "name": name, "price": price, "currency": "EUR"})
}

async fn products() -> Json<Value> {
    Json(json!({"products": PRODUCTS.map(product_json)}))
}

async fn product(Path(id): Path<String>) -> Response {
    let found = PRODUCTS.into_iter().find(|(number, ..)| number.to_string() == id);
    match found {
        Some(found) => Json(product_json(found)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"error": format!("no product {id}")}))).into_response(),
    }
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

async fn search(Query(search): Query<Search>) -> Response {
    if search.q.contains('\'') {
        let error = json!({"error": "You have an error in your SQL syntax near '%'' at line 1"});
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response();
    }
    let wanted = search.q.to_lowercase();
    let found: Vec<Value> = PRODUCTS
        .into_iter()
        .filter(|(_, name, _)| name.to_lowercase().contains(&wanted))
        .map(product_json)
        .collect();
    Json(json!({"query": search.q, "products": found})).into_response()
}

async fn order(body: String) -> Response {
    match serde_json::from_str::<Value>(&body) {
        Ok(order) => (StatusCode::CREATED, Json(json!({"order": 4711, "received": order}))).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({"error": error.to_string()}))).into_response(),
    }
}

async fn login(body: String) -> Response {
    let given: Value = serde_json::from_str(&body).unwrap_or_default();
    if given.get("user").is_some_and(|user| user == "alice")
        && given.get("password").is_some_and(|password| password == "wonderland")
    {
        Json(json!({"token": "demo-session"})).into_response()
    } else {
        (StatusCode::UNAUTHORIZED, Json(json!({"error": "wrong user or password"}))).into_response()
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    name: String,
}

async fn file(Query(file): Query<File>) -> Response {
    match file.name.as_str() {
        "terms.txt" => "Goods may be returned within 30 days.".into_response(),
        other => (StatusCode::NOT_FOUND, format!("cannot open /srv/shop/files/{other}")).into_response(),
    }
}
