-- Tables of the Czech bank of PKDD'99 (Berka and Sochorova), as its files have them, and what they lack:
--   since            the files date neither dispositions nor standing orders. An owner holds the account from its
--                    opening on; of all else only is known that it was there at the end of the data, 1998-12-31.
--                    Counting it earlier could show an event what came after it.
CREATE TABLE account (
  account_id INT NOT NULL PRIMARY KEY,
  district_id SMALLINT NOT NULL,
  frequency VARCHAR(20) NOT NULL,
  date DATE NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE client (
  client_id INT NOT NULL PRIMARY KEY,
  birth_number CHAR(6) NOT NULL,
  district_id SMALLINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE disp (
  disp_id INT NOT NULL PRIMARY KEY,
  client_id INT NOT NULL,
  account_id INT NOT NULL,
  type VARCHAR(10) NOT NULL,
  since DATE NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `order` (
  order_id INT NOT NULL PRIMARY KEY,
  account_id INT NOT NULL,
  bank_to VARCHAR(2) NOT NULL,
  account_to VARCHAR(12) NOT NULL,
  amount DECIMAL(12,2) NOT NULL,
  k_symbol VARCHAR(12) NULL,
  since DATE NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE loan (
  loan_id INT NOT NULL PRIMARY KEY,
  account_id INT NOT NULL,
  date DATE NOT NULL,
  amount DECIMAL(12,2) NOT NULL,
  duration SMALLINT NOT NULL,
  payments DECIMAL(12,2) NOT NULL,
  status CHAR(1) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE card (
  card_id INT NOT NULL PRIMARY KEY,
  disp_id INT NOT NULL,
  type VARCHAR(10) NOT NULL,
  issued DATE NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE district (
  district_id SMALLINT NOT NULL PRIMARY KEY,
  name VARCHAR(40) NOT NULL,
  region VARCHAR(40) NOT NULL,
  inhabitants INT NOT NULL,
  municipalities_to_499 SMALLINT NOT NULL,
  municipalities_to_1999 SMALLINT NOT NULL,
  municipalities_to_9999 SMALLINT NOT NULL,
  municipalities_larger SMALLINT NOT NULL,
  cities SMALLINT NOT NULL,
  urban_percent DECIMAL(5,1) NOT NULL,
  average_salary INT NOT NULL,
  unemployment_95_percent DECIMAL(5,2) NULL,
  unemployment_96_percent DECIMAL(5,2) NOT NULL,
  entrepreneurs_per_1000 SMALLINT NOT NULL,
  crimes_95 INT NULL,
  crimes_96 INT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE trans (
  trans_id INT NOT NULL PRIMARY KEY,
  account_id INT NOT NULL,
  date DATE NOT NULL,
  type VARCHAR(8) NOT NULL,
  operation VARCHAR(16) NULL,
  amount DECIMAL(12,2) NOT NULL,
  balance DECIMAL(12,2) NOT NULL,
  k_symbol VARCHAR(12) NULL,
  bank VARCHAR(2) NULL,
  account VARCHAR(12) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
