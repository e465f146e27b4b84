//! What every user meets, whatever the command does with content: streams, exit statuses, what errors name, and which
//! way out they show.

mod endings;
mod errors;
mod log;
mod places;
mod streams;
mod tables;
