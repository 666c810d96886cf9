"""Carries out what users did, once: `queue` keeps what Odoo gave, `carry` is pure, `courier` works it off for one mailbox."""
