// A complaint about an answer of `rackboot init` names the flag or the question, never a key of the file that does not exist yet.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flagOf, mistakeText, questionName } from '../../../src/cli/config/init-words.ts';

const CASES: readonly (readonly [place: string, message: string, byFlag: string, byQuestion: string])[] = [
  [
    'ip_range_low',
    '10.9.9.9 is not inside 10.20.0.0/24',
    '--low: 10.9.9.9 is not inside 10.20.0.0/24',
    'first address for unknown machines: 10.9.9.9 is not inside 10.20.0.0/24',
  ],
  [
    'static_ip_range_low',
    '10.20.0.9 is above static_ip_range_high 10.20.0.8',
    '--static-low: 10.20.0.9 is above --static-high 10.20.0.8',
    'first address for deployed machines: 10.20.0.9 is above last address for deployed machines 10.20.0.8',
  ],
  [
    'ip_range_low',
    'the range contains ip 10.20.0.1; choose a range without it',
    "--low: the range contains the rack's address 10.20.0.1; choose a range without it",
    "first address for unknown machines: the range contains the rack's address 10.20.0.1; choose a range without it",
  ],
  [
    'ip_range_high',
    'missing: a range needs ip_range_low and ip_range_high',
    '--high: missing: a range needs --low and --high',
    'last address for unknown machines: missing: a range needs first address for unknown machines and last address for unknown machines',
  ],
  [
    'dns.upstream',
    'expected an address',
    '--upstream: expected an address',
    'upstream DNS servers: expected an address',
  ],
  ['dns.domain', 'expected a domain name', '--domain: expected a domain name', '--domain: expected a domain name'],
];

for (const [place, message, byFlag, byQuestion] of CASES)
  test(`${place}: ${message}`, () => {
    assert.equal(mistakeText({ path: place, place, message }, flagOf), byFlag);
    assert.equal(mistakeText({ path: place, place, message }, questionName), byQuestion);
  });
