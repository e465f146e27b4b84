//! What every user meets, whatever the command does with content: streams, exit statuses, what errors name, and which
//! way out they show.

mod errors;
mod places;
mod streams;
