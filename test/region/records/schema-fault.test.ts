// The faults that a schema finds: plain JSON until the language in use makes a sentence of it, in English with zod's words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { faultOf, type SchemaFault, WITH_INPUT } from '../../../src/region/records/schema-fault.ts';
import { sentenceOf, wordOfIssue, wordOfPart } from '../../../src/region/words/refusal.ts';

const FAULTS: readonly (readonly [schema: z.ZodType, value: unknown, fault: SchemaFault])[] = [
  [z.string(), 7, { kind: 'type', expected: 'string', received: 'number' }],
  [z.string(), null, { kind: 'type', expected: 'string', received: 'null' }],
  [z.array(z.string()), 'a', { kind: 'type', expected: 'array', received: 'string' }],
  [z.object({}), [], { kind: 'type', expected: 'object', received: 'array' }],
  [z.coerce.number(), 'x', { kind: 'type', expected: 'number', received: 'NaN' }],
  [z.enum(['a', 'b']), 'c', { kind: 'choice', known: ['"a"', '"b"'] }],
  [z.literal([0, 1]), 2, { kind: 'choice', known: ['0', '1'] }],
  [z.literal('a'), 'b', { kind: 'choice', known: ['"a"'] }],
  [z.string().max(2), 'abc', { kind: 'big', of: 'string', bound: 2, isInclusive: true }],
  [z.array(z.string()).max(1), ['a', 'b'], { kind: 'big', of: 'array', bound: 1, isInclusive: true }],
  [z.number().lt(2), 2, { kind: 'big', of: 'number', bound: 2, isInclusive: false }],
  [z.number().int(), 2 ** 60, { kind: 'big', of: 'int', bound: Number.MAX_SAFE_INTEGER, isInclusive: true }],
  [z.string().min(1), '', { kind: 'small', of: 'string', bound: 1, isInclusive: true }],
  [z.number().min(0), -1, { kind: 'small', of: 'number', bound: 0, isInclusive: true }],
  [z.ipv4(), 'x', { kind: 'format', format: 'ipv4' }],
  [z.base64(), '*', { kind: 'format', format: 'base64' }],
  [z.union([z.boolean(), z.string()]), 7, { kind: 'other' }],
];

for (const [schema, value, fault] of FAULTS) {
  const name = JSON.stringify({ value, ...fault });
  test(`${name} is plain JSON, and is said as zod says it`, () => {
    const { success, error } = schema.safeParse(value, WITH_INPUT);
    assert.ok(!success);
    const [issue] = error.issues;
    assert.ok(issue !== undefined);
    assert.deepEqual(faultOf(issue), fault);
    const word = wordOfIssue(issue);
    assert.deepEqual(JSON.parse(JSON.stringify(word)), word);
    assert.equal(sentenceOf(word), issue.message);
  });
}

test('a schema’s own message is a code, and the fault of a part is said with its path', () => {
  const schema = z.object({ nics: z.array(z.object({ mac: z.string().regex(/^x$/, 'field.rack-mac') })) });
  const { error } = schema.safeParse({ nics: [{ mac: 'y' }] }, WITH_INPUT);
  const word = wordOfPart(error?.issues[0] ?? assert.fail());
  assert.deepEqual(word, { name: 'invalid-parameters', code: 'field.rack-mac', params: {}, path: 'nics.0.mac' });
  assert.equal(sentenceOf(word), 'nics.0.mac: is not a MAC address');
});
