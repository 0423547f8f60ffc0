// The names of the handlers in the description: MAAS's clients find an operation by the name of its handler, letter by letter.
//
// Source: the description of MAAS 2.2, from whose names its command line makes its commands, and of 1.7 for what only API 1.0 has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findByName, listNouns } from '../../../src/cli/clients/description.ts';
import { descriptionShape } from '../../../src/cli/clients/description-shape.ts';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { apiDescription } from '../../../src/region/http/description.ts';

test('a handler has one path in each version', () => {
  for (const version of ['1.0', '2.0'] as const) {
    const paths = new Map<string, Set<string>>();
    for (const { versions, handler, path } of OPERATIONS)
      if (versions.includes(version)) paths.set(handler, (paths.get(handler) ?? new Set()).add(path));
    for (const [handler, its] of paths) assert.equal(its.size, 1, `${handler} ${version}: ${[...its].join(' ')}`);
  }
});

test("the commands of MAAS's manual have their words", () => {
  const nouns = listNouns(descriptionShape.parse(apiDescription('2.0', 'http://rack:5240')));
  for (const [noun, action] of [
    ['dnsresources', 'create'],
    ['dnsresource', 'update'],
    ['dnsresource-records', 'create'],
    ['dnsresource-record', 'delete'],
    ['node-results', 'read'],
    ['node-script-results', 'read'],
    ['node-script-result', 'download'],
  ] as const) {
    const found = nouns.find(({ name }) => name === noun);
    assert.ok(found !== undefined && findByName(found.actions, action) !== undefined, `${noun} ${action}`);
  }
});
