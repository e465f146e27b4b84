//! `bundle pack` as a user types it: what travels, in which form, and what is said about it.

mod attachments;
mod bytes;
mod indexes;
mod layouts;
mod lists;
mod rules;
mod selection;
