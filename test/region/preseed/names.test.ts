// The search for a template: every step in order, with and without an os, and invalid names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isTemplateName, type NameParts, templateNames } from '../../../src/region/preseed/names.ts';
import { renderPreseed } from '../../../src/region/preseed/preseed.ts';
import { PURPOSES } from '../../../src/region/preseed/request.ts';
import { codePoint } from '../../support/any-text.ts';
import { REQUEST, templates } from './place.ts';

const PARTS: NameParts = {
  prefix: 'curtin_userdata',
  osystem: 'debian',
  architecture: 'amd64',
  subarchitecture: 'generic',
  release: 'bookworm',
  node: 'calm-ibis',
};

const TABLE: readonly (readonly [string, Partial<NameParts>, readonly string[]])[] = [
  [
    'six parts, then one less each step, then generic',
    {},
    [
      'curtin_userdata_debian_amd64_generic_bookworm_calm-ibis',
      'curtin_userdata_debian_amd64_generic_bookworm',
      'curtin_userdata_debian_amd64_generic',
      'curtin_userdata_debian_amd64',
      'curtin_userdata_debian',
      'curtin_userdata',
      'generic',
    ],
  ],
  [
    'for Ubuntu each name is followed by the same without the os',
    { osystem: 'ubuntu', release: 'jammy' },
    [
      'curtin_userdata_ubuntu_amd64_generic_jammy_calm-ibis',
      'curtin_userdata_amd64_generic_jammy_calm-ibis',
      'curtin_userdata_ubuntu_amd64_generic_jammy',
      'curtin_userdata_amd64_generic_jammy',
      'curtin_userdata_ubuntu_amd64_generic',
      'curtin_userdata_amd64_generic',
      'curtin_userdata_ubuntu_amd64',
      'curtin_userdata_amd64',
      'curtin_userdata_ubuntu',
      'curtin_userdata',
      'generic',
    ],
  ],
  [
    'without an os as in the time before there was that part',
    { prefix: 'commissioning', osystem: '', release: 'precise04' },
    [
      'commissioning_amd64_generic_precise04_calm-ibis',
      'commissioning_amd64_generic_precise04',
      'commissioning_amd64_generic',
      'commissioning_amd64',
      'commissioning',
      'generic',
    ],
  ],
  [
    "an installer's have no prefix",
    { prefix: '' },
    [
      'debian_amd64_generic_bookworm_calm-ibis',
      'debian_amd64_generic_bookworm',
      'debian_amd64_generic',
      'debian_amd64',
      'debian',
      'generic',
    ],
  ],
  [
    'an unknown machine has no parts of its own',
    { prefix: 'enlist', osystem: '', architecture: '', subarchitecture: '', release: '', node: '' },
    ['enlist', 'generic'],
  ],
  [
    'a part that leads elsewhere makes no name, and those without it stay',
    { node: '../../etc/passwd' },
    [
      'curtin_userdata_debian_amd64_generic_bookworm',
      'curtin_userdata_debian_amd64_generic',
      'curtin_userdata_debian_amd64',
      'curtin_userdata_debian',
      'curtin_userdata',
      'generic',
    ],
  ],
  ['an os that leads elsewhere makes no name', { osystem: '..' }, ['curtin_userdata', 'generic']],
  [
    'nor does a name that is too long',
    { prefix: 'p', osystem: 'x'.repeat(250), architecture: 'amd64' },
    [`p_${'x'.repeat(250)}`, 'p', 'generic'],
  ],
];

for (const [name, parts, expected] of TABLE) {
  test(name, () => assert.deepEqual(templateNames({ ...PARTS, ...parts }), expected));
}

test('for any machine, a template name is a plain file name, and the last is generic', () => {
  const word = fc.oneof(
    fc.string(),
    fc.string({ unit: codePoint }),
    fc.constantFrom('..', '.', '/', 'a/b', '\0', '../x'),
  );
  fc.assert(
    fc.property(word, word, word, word, word, (osystem, architecture, subarchitecture, release, node) => {
      for (const { prefix } of Object.values(PURPOSES)) {
        const names = templateNames({ prefix, osystem, architecture, subarchitecture, release, node });
        assert.equal(names.at(-1), 'generic');
        assert.equal(new Set(names).size, names.length);
        for (const name of names) {
          assert.ok(isTemplateName(name) && !name.includes('/') && !name.startsWith('.') && name.length <= 255, name);
        }
      }
    }),
  );
});

test('an operator’s template wins over the shipped one of that name, and a more specific name over a less specific one', () => {
  const own = templates({ generic: '# mine\n' });
  const found = renderPreseed(REQUEST, own);
  assert.equal(found.ok && found.text, '# mine\n');
  const particular = renderPreseed({ ...REQUEST, purpose: 'curtin_userdata' }, own);
  assert.equal(
    particular.ok && particular.name,
    'curtin_userdata',
    'a generic of yours is for what has none of its own',
  );
  assert.deepEqual(
    own.list().filter(({ name }) => name === 'generic'),
    [
      { name: 'generic', origin: 'yours', isReplaced: false },
      { name: 'generic', origin: 'shipped', isReplaced: true },
    ],
  );
});
