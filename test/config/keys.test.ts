// The rules of the keys of the configuration: who may own each, and whether a change applies at once. The commented example agrees.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isMap, isScalar, parseDocument } from 'yaml';
import { z } from 'zod';
import { findKeyRule, hasRuleBelow, isSecretKey, KEYS } from '../../src/config/keys.ts';
import { writtenConfigSchema } from '../../src/config/written.ts';

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../config/rackboot.yaml'), 'utf8');

const LEAVES = KEYS.filter((key) => !hasRuleBelow(key));

/** The keys of the example with their comments, including those commented out with `# key:`. */
function exampleKeys(): Map<string, string> {
  const keys = new Map<string, string>();
  const lines = EXAMPLE.split('\n');
  const document = parseDocument(EXAMPLE);
  const walk = (node: unknown, prefix: string): void => {
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      const name = `${prefix}${String(key.value)}`;
      const start = EXAMPLE.slice(0, key.range?.[0] ?? 0).split('\n').length - 1;
      keys.set(name, commentAt(lines, start));
      if (hasRuleBelow(name)) walk(value, `${name}.`);
    }
  };
  walk(document.contents, '');
  return keys;
}

/** The comment of a line and its continuation; for a key at the margin also the lines above it. */
function commentAt(lines: readonly string[], index: number): string {
  const own = (lines[index] ?? '').replace(/^[^#]*/, '');
  const after: string[] = [];
  for (let next = index + 1; /^ {10,}#/.test(lines[next] ?? ''); next += 1) after.push((lines[next] ?? '').trim());
  const above: string[] = [];
  const isAtMargin = /^\w/.test(lines[index] ?? '');
  for (let before = index - 1; isAtMargin && /^#/.test(lines[before] ?? ''); before -= 1)
    above.unshift((lines[before] ?? '').trim());
  return [...above, own, ...after].join(' ');
}

test('the example explains every key, and marks the keys that wait for a restart or that the store may own', () => {
  const shown = exampleKeys();
  for (const key of LEAVES) {
    const comment = shown.get(key);
    const isNamed = comment !== undefined || new RegExp(`\\b${key.split('.').at(-1)}\\b`).test(EXAMPLE);
    assert.ok(isNamed, `config/rackboot.yaml does not explain ${key}`);
    if (comment === undefined) continue;
    const rule = findKeyRule(key);
    assert.equal(/\(restart\)/.test(comment), rule?.restart !== undefined, `${key} and (restart): ${comment}`);
    assert.equal(/\(store\)/.test(comment), rule?.owner === 'either', `${key} and (store): ${comment}`);
    assert.doesNotMatch(comment, /\(reload\)/, 'a key without a mark applies on reload');
  }
});

test('a key below one with a rule has that rule, and an unknown key has none', () => {
  assert.equal(findKeyRule('cluster_interfaces.lab.router_ip')?.owner, 'either');
  assert.equal(findKeyRule('tftp.listen_port')?.owner, 'file');
  assert.equal(findKeyRule('dns.upstream')?.owner, 'either');
  assert.equal(findKeyRule('dns.upstreem'), undefined);
  assert.equal(findKeyRule('dns'), undefined);
  assert.equal(findKeyRule(''), undefined);
});

test('secrets are recognised by name, at any place', () => {
  assert.ok(isSecretKey('tsig_keys.ns2.secret') && isSecretKey('password') && !isSecretKey('boot.kernel_params'));
});

/** The parts of a JSON schema that are read. */
interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly maxItems?: number;
}

/** A list of the schema: the keys that lead to it, and its maximum length. */
interface ListKey {
  readonly keys: readonly string[];
  readonly max: number | undefined;
}

function listKeys(node: SchemaNode, keys: readonly string[]): ListKey[] {
  const inner = typeof node.additionalProperties === 'object' ? [node.additionalProperties] : [];
  return [
    ...(node.type === 'array' ? [{ keys, max: node.maxItems }] : []),
    ...Object.entries(node.properties ?? {}).flatMap(([key, below]) => listKeys(below, [...keys, key])),
    ...[...(node.anyOf ?? []), ...(node.items === undefined ? [] : [node.items]), ...inner].flatMap((below) =>
      listKeys(below, keys),
    ),
  ];
}

/** The comments of every line of a section with this key, even if the line is commented out. */
function commentsIn(section: string, key: string): string[] {
  const lines = EXAMPLE.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`${section}:`));
  const length = lines.slice(start + 1).findIndex((line) => /^\w/.test(line));
  const end = length === -1 ? lines.length : start + 1 + length;
  const has = new RegExp(`^[\\s#-]*${key}:`);
  return lines.slice(start, end).flatMap((line, index) => (has.test(line) ? [commentAt(lines, start + index)] : []));
}

test('the example states the maximum length of every list', () => {
  const schema: SchemaNode = JSON.parse(
    JSON.stringify(z.toJSONSchema(writtenConfigSchema, { io: 'input', unrepresentable: 'any' })),
  );
  const lists = listKeys(schema, []);
  for (const known of ['cluster_interfaces', 'cluster_interfaces.hosts', 'dns.upstream', 'region.tls.listen'])
    assert.ok(
      lists.some(({ keys }) => keys.join('.') === known),
      known,
    );
  const silent = lists.filter(({ keys, max }) => {
    const said = new RegExp(`\\b(?:at most|\\d+ to) ${max}\\b`, 'i');
    return max === undefined || !commentsIn(keys[0] ?? '', keys.at(-1) ?? '').some((comment) => said.test(comment));
  });
  assert.deepEqual(
    silent.map(({ keys, max }) => `${keys.join('.')}: at most ${max}`),
    [],
    'state it in the comment of the key in config/rackboot.yaml',
  );
});
