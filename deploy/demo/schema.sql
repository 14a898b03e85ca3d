-- The demo bank's tables. Times are UTC; the bank declares no foreign keys.
CREATE TABLE IF NOT EXISTS users (
  id BIGINT NOT NULL PRIMARY KEY,
  name VARCHAR(120) NOT NULL,
  country CHAR(2) NOT NULL,
  phone VARCHAR(32) NOT NULL,
  email VARCHAR(120) NOT NULL,
  address VARCHAR(120) NOT NULL,
  created_at DATETIME(3) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS accounts (
  id BIGINT NOT NULL PRIMARY KEY,
  user_id BIGINT NOT NULL,
  kind VARCHAR(16) NOT NULL,
  opened_at DATETIME(3) NOT NULL,
  KEY accounts_user (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS devices (
  id BIGINT NOT NULL PRIMARY KEY,
  model VARCHAR(40) NOT NULL,
  first_seen DATETIME(3) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS logins (
  id BIGINT NOT NULL PRIMARY KEY,
  user_id BIGINT NOT NULL,
  device_id BIGINT NOT NULL,
  ip VARCHAR(45) NOT NULL,
  at DATETIME(3) NOT NULL,
  KEY logins_user (user_id, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS transfers (
  id BIGINT NOT NULL PRIMARY KEY,
  src_account BIGINT NOT NULL,
  dst_account BIGINT NOT NULL,
  amount DECIMAL(14,2) NOT NULL,
  currency CHAR(3) NOT NULL,
  channel VARCHAR(12) NOT NULL,
  status VARCHAR(12) NOT NULL,
  at DATETIME(3) NOT NULL,
  KEY transfers_src (src_account, at),
  KEY transfers_dst (dst_account, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS profile_changes (
  id BIGINT NOT NULL PRIMARY KEY,
  user_id BIGINT NOT NULL,
  field VARCHAR(12) NOT NULL,
  new_value VARCHAR(120) NOT NULL,
  at DATETIME(3) NOT NULL,
  KEY profile_changes_user (user_id, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS fraud_reports (
  id BIGINT NOT NULL PRIMARY KEY,
  event_table VARCHAR(24) NOT NULL,
  event_id BIGINT NOT NULL,
  is_fraud TINYINT NOT NULL,
  reported_at DATETIME(3) NOT NULL,
  KEY fraud_reports_event (event_table, event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
