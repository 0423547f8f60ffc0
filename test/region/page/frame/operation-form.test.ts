// Forms derived from the table of operations: of all its operations that take parameters, and of those that pages use.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../../src/region/api/operations.ts';
import {
  collectFormValues,
  listFormParameters,
  renderControls,
} from '../../../../src/region/page/frame/operation-form.ts';
import { SHOWN } from '../../../../src/region/page/frame/touched.ts';
import { findWanted, type WantedOperation } from '../../../../src/region/page/frame/view.ts';
import { completed, withWords } from '../../../../src/region/page/frame/words.ts';
import { withRegion } from '../../place.ts';
import { ADMIN, viewOf } from '../view.ts';

/** Every operation that changes something, as pages name it. */
const CHANGES = OPERATIONS.filter(({ method, versions }) => method !== 'GET' && versions.includes('2.0')).map(
  ({ method, path, op }): WantedOperation => `${method} ${path}${op === undefined ? '' : ` ${op}`}`,
);

/** Values of which every parameter of the table accepts one, each with the kinds of control in which people write it. */
const SAMPLES = [
  'a',
  '1',
  '600',
  'true',
  '8G',
  '10.20.0.10',
  '10.20.0.0/24',
  '52:54:00:00:00:01',
  '/srv',
  '#!/bin/sh\n:',
];

/** The names of controls, without those of the signs of what they show. */
const namesIn = (markup: string) =>
  [...markup.matchAll(/ name="([^"]*)"/g)].map((match) => match[1] ?? '').filter((name) => !name.startsWith(SHOWN));

test('every parameter of every operation has one control, except those that accept one value only', () =>
  withRegion(({ region }) => {
    const view = viewOf(region, { viewer: ADMIN });
    for (const wanted of CHANGES) {
      const parameters = listFormParameters(wanted);
      for (const { name } of parameters) {
        const names = new Set(namesIn(renderControls(view, wanted, { only: [name] }).join('')));
        assert.deepEqual([...names], [name], wanted);
      }
      const without = Object.keys(findWanted(wanted).parameters).filter(
        (name) => !parameters.some((one) => one.name === name),
      );
      for (const name of without) {
        const accepted = SAMPLES.filter((text) => findWanted(wanted).parameters[name]?.safeParse([text]).success);
        assert.deepEqual(accepted, [], `${wanted} ${name} has no control, but takes values`);
      }
    }
  }));

test('what a form sends for a parameter is what its operation accepts', () => {
  for (const wanted of CHANGES) {
    for (const { name, kind, values } of listFormParameters(wanted)) {
      const type = findWanted(wanted).parameters[name] ?? assert.fail(name);
      const sample = (kind === 'check' ? ['true'] : [...values, ...SAMPLES]).find(
        (text) => type.safeParse([text]).success,
      );
      if (sample === undefined) continue;
      const sent = collectFormValues({ form: new Map([[name, [sample]]]) }, wanted, { only: [name] })[name];
      assert.deepEqual(sent, kind === 'list' ? sample.split('\n') : sample, `${wanted} ${name}`);
      assert.ok(type.safeParse(typeof sent === 'string' ? [sent] : sent).success, `${wanted} ${name}: ${sent}`);
    }
  }
});

const KINDS: readonly (readonly [WantedOperation, string, string])[] = [
  ['POST zones', 'name', 'text'],
  ['POST zones', 'description', 'area'],
  ['POST ipranges', 'type', 'choice'],
  ['POST ipranges', 'start_ip', 'address'],
  ['PUT vlans/{id}', 'dhcp_on', 'check'],
  ['PUT vlans/{id}', 'mtu', 'number'],
  ['POST subnets', 'cidr', 'text'],
  ['POST subnets', 'dns_servers', 'list'],
  ['POST nodes/{system_id}/interfaces create_bond', 'mac_address', 'mac'],
  ['POST nodes/{system_id}/raids', 'block_devices', 'list'],
  ['POST machines', 'mac_addresses', 'list'],
  ['POST nodes/{system_id}/blockdevices/{device_id}/partitions', 'size', 'text'],
];

test('the kind of a control is that of the type of its parameter', () => {
  for (const [wanted, name, kind] of KINDS)
    assert.equal(listFormParameters(wanted, [name])[0]?.kind, kind, `${wanted} ${name}`);
  assert.throws(
    () => listFormParameters('PUT vlans/{id}', ['relay_vlan']),
    /relay_vlan/,
    'it accepts the empty text only',
  );
  assert.throws(() => listFormParameters('POST zones', ['nmae']), /nmae/);
});

const sent = (fields: Readonly<Record<string, readonly string[]>>) => ({ form: new Map(Object.entries(fields)) });

test('an empty field is absent where it adds something, and empty where it changes something', () => {
  const form = sent({ name: [' north '], description: [''] });
  assert.deepEqual(collectFormValues(form, 'POST zones'), { name: 'north' });
  assert.deepEqual(collectFormValues(form, 'PUT zones/{name}'), { name: 'north', description: '' });
  assert.deepEqual(collectFormValues(form, 'PUT zones/{name}', { only: ['description'] }), { description: '' });
});

test('boxes, lists and texts of several lines are sent as the operation takes them', () => {
  const options = { only: ['allow_dns', 'dns_servers', 'description'] };
  const form = sent({ dns_servers: ['10.20.0.2\r\n\r\n 10.20.0.3 '], description: ['one\r\ntwo\r\n'] });
  assert.deepEqual(collectFormValues(form, 'PUT subnets/{id}', options), {
    allow_dns: 'false',
    dns_servers: ['10.20.0.2', '10.20.0.3'],
    description: 'one\ntwo',
  });
  assert.equal(collectFormValues(sent({ allow_dns: ['true'] }), 'PUT subnets/{id}', options).allow_dns, 'true');
  const ticked = sent({ dns_servers: ['10.20.0.2', '10.20.0.3'] });
  assert.deepEqual(collectFormValues(ticked, 'POST subnets', options).dns_servers, ['10.20.0.2', '10.20.0.3']);
});

test('controls show the present values, required marks and the choices that the page gives', () =>
  withRegion(({ region }) => {
    const view = viewOf(region, { viewer: ADMIN });
    const [vlan = '', name = '', servers = ''] = renderControls(view, 'PUT subnets/{id}', {
      only: ['vlan', 'name', 'dns_servers'],
      values: { vlan: 5, name: 'lab "1"', dns_servers: ['10.20.0.2', '10.20.0.3'] },
      choices: {
        vlan: [
          ['1', 'untagged'],
          ['5', 'tagged'],
        ],
        dns_servers: [
          ['10.20.0.2', 'first'],
          ['10.20.0.9', 'other'],
        ],
      },
    }).map(String);
    assert.match(vlan, /<option value="5" selected>tagged<\/option>/);
    assert.match(vlan, /<option value="">/, 'it is optional');
    assert.match(name, /value="lab &quot;1&quot;"/);
    assert.match(servers, /value="10.20.0.2" checked>/);
    assert.doesNotMatch(servers, /value="10.20.0.9" checked>/);
    assert.match(`${renderControls(view, 'POST zones', { only: ['name'] })[0]}`, / required/);
    assert.doesNotMatch(`${renderControls(view, 'PUT zones/{name}', { only: ['name'] })[0]}`, / required/);
  }));

test('the description of a parameter is shown in the language of the page', () =>
  withRegion(({ region }) => {
    const translation = completed({ forms: { hint: (description) => `Latine: ${description}` } });
    const render = () =>
      renderControls(viewOf(region, { viewer: ADMIN }), 'POST fabrics', { only: ['class_type'] }).join('');
    const description = listFormParameters('POST fabrics', ['class_type'])[0]?.hint ?? '';
    assert.ok(description !== '' && withWords(translation, render).includes(`Latine: ${description}`));
    assert.ok(render().includes(description) && !render().includes('Latine'));
  }));
