//! Invitations (`spec/accounts.md` section 3.5).

use axum::{Extension, extract::State};
use bartizan_api::{
    Envelope,
    invitation::{
        InvitationAccept, InvitationAccepted, InvitationCreate, InvitationLink, InvitationPreview,
        InvitationView,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Caller, Origin},
    extract::{Body, NoFields, Path},
    failure::Failure,
    services::invitations,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(invitation_list, invitation_create))
        .routes(routes!(invitation_delete))
        .routes(routes!(invitation_preview))
        .routes(routes!(invitation_accept))
        .routes(routes!(invitation_resend))
}

/// List invitations
///
/// Those that are open, newest first.
#[utoipa::path(get, path = "/v1/invitations", tag = "Invitations",
    responses((status = 200, description = "The invitations", body = Envelope<Vec<InvitationView>>)))]
pub async fn invitation_list(
    State(cloud): State<Cloud>,
    caller: Caller,
) -> Result<Envelope<Vec<InvitationView>>, Failure> {
    Ok(Envelope::new(invitations::list(&cloud, &caller).await?))
}

/// Invite a person
///
/// The answer holds the link, this once; with `send` it goes out by e-mail instead, and the answer does not hold it.
#[utoipa::path(post, path = "/v1/invitations", tag = "Invitations", request_body = InvitationCreate,
    responses((status = 200, description = "The link", body = Envelope<InvitationLink>),
        (status = 409, description = "The e-mail address is taken: `Already exists`", body = bartizan_api::ErrorBody)))]
pub async fn invitation_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<InvitationCreate>,
) -> Result<Envelope<InvitationLink>, Failure> {
    Ok(Envelope::new(invitations::create(&cloud, &caller, &request).await?))
}

/// Revoke an invitation
///
/// Its link is void at once.
#[utoipa::path(delete, path = "/v1/invitations/{id}", tag = "Invitations",
    params(("id" = i64, Path, description = "Invitation")),
    responses((status = 200, description = "The revoked invitation", body = Envelope<InvitationView>),
        (status = 404, description = "There is no such invitation", body = bartizan_api::ErrorBody)))]
pub async fn invitation_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<InvitationView>, Failure> {
    Ok(Envelope::new(invitations::delete(&cloud, &caller, id).await?))
}

/// View an invitation by its token
///
/// What the invited person may know before accepting.
#[utoipa::path(get, path = "/v1/invitations/token/{token}", tag = "Invitations", security(()),
    params(("token" = String, Path, description = "Token of the link")),
    responses((status = 200, description = "The invitation", body = Envelope<InvitationPreview>),
        (status = 404, description = "The link does not work, or not any more", body = bartizan_api::ErrorBody)))]
pub async fn invitation_preview(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    Path(token): Path<String>,
) -> Result<Envelope<InvitationPreview>, Failure> {
    Ok(Envelope::new(invitations::preview(&cloud, &token, &origin).await?))
}

/// Accept an invitation
///
/// Sets name and password; the link works once.
#[utoipa::path(post, path = "/v1/invitations/accept", tag = "Invitations", security(()),
    request_body = InvitationAccept,
    responses((status = 200, description = "The user can sign in, or must confirm the address first", body = Envelope<InvitationAccepted>),
        (status = 409, description = "The e-mail address is taken: `Already exists`", body = bartizan_api::ErrorBody)))]
pub async fn invitation_accept(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    Body(request): Body<InvitationAccept>,
) -> Result<Envelope<InvitationAccepted>, Failure> {
    Ok(Envelope::new(invitations::accept(&cloud, &request, &origin).await?))
}

/// Invite a user again
///
/// A new link for a user who was created without a password, by e-mail; the old one is void. Where the cloud sends no
/// letters the answer holds the link.
#[utoipa::path(post, path = "/v1/user/{id}/resend_invitation", tag = "Invitations",
    params(("id" = i64, Path, description = "User")),
    responses((status = 200, description = "The new link", body = Envelope<InvitationLink>),
        (status = 404, description = "There is no such user", body = bartizan_api::ErrorBody)))]
pub async fn invitation_resend(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<InvitationLink>, Failure> {
    Ok(Envelope::new(invitations::resend(&cloud, &caller, id).await?))
}
