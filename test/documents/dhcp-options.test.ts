// docs/reference/dhcp-options.md is that of the code, and its example can be used.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { DHCP_OPTIONS_DOCUMENT, renderDhcpOptionsDocument } from './dhcp-options-document.ts';

test('docs/reference/dhcp-options.md is up to date; npm run docs writes it', () => {
  assert.equal(readFileSync(DHCP_OPTIONS_DOCUMENT, 'utf8'), renderDhcpOptionsDocument(), 'run npm run docs');
});

test('the example of the document is a configuration', () => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(renderDhcpOptionsDocument()) ?? [];
  const place = '    interface: eth1\n    ip: 10.20.0.1\n    network: 10.20.0.0/24\n    ip_range_low: 10.20.0.100\n';
  const text = example.replace('  - name: lab\n', `  - name: lab\n${place}    ip_range_high: 10.20.0.199\n`);
  const parsed = parseConfig(text);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const [subnet] = parsed.config.dhcp.subnets;
  assert.deepEqual([...(subnet?.options?.byCode.keys() ?? [])], [121, 43, 101]);
  assert.deepEqual([...(subnet?.reservations[0]?.options?.byCode.keys() ?? [])], [224]);
  assert.ok(parse(example) !== null);
});
