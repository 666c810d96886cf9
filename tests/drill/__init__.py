"""The long forms of tests: real processes that are killed, thousands of examples (`make drill`)."""
