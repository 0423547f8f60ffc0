// docs/preseeds.md agrees with the code, and its examples are true.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILTERS } from '../../src/region/preseed/evaluation.ts';
import { renderPreseed } from '../../src/region/preseed/preseed.ts';
import { buildVariables, VARIABLES } from '../../src/region/preseed/variables.ts';
import { REQUEST, templates } from '../region/preseed/place.ts';
import { readDocument } from './markdown.ts';

test('every name is defined for a machine that has everything, and explained in a sentence', () => {
  const defined = buildVariables(REQUEST);
  for (const [name, { meaning }] of Object.entries(VARIABLES)) {
    assert.ok(Object.hasOwn(defined, name), name);
    assert.match(meaning, /^\S.*\.$/s, name);
  }
});

test('every filter that the document names can be used', () => {
  for (const name of Object.keys(FILTERS)) {
    const value = name === 'join' ? 'ntp_servers' : 'hostname';
    const source = `{{language text}}{{if ${value}|${name}}}{{endif}}done\n`;
    const result = renderPreseed(REQUEST, templates({ generic: source }));
    assert.equal(result.ok ? result.text : result.mistake.code, 'done\n', name);
  }
});

test('the example of the document changes one block and keeps the rest', () => {
  const [, example = ''] = /```text\n({{inherit[\s\S]*?)```/.exec(readDocument('docs/preseeds.md')) ?? [];
  const result = renderPreseed(REQUEST, templates({ debian: example }));
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.name, 'debian');
  assert.match(result.text, /pkgsel\/include string openssh-server sudo cloud-init vim$/m);
  assert.match(result.text, /^d-i netcfg\/hostname string calm-ibis$/m);
});
