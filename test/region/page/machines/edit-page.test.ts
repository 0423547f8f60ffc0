// The form in which an administrator edits a machine.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFieldFaults, formatRefusal, operate } from '../../../../src/region/page/frame/view.ts';
import { EDIT_PAGE } from '../../../../src/region/page/machines/edit-page.ts';
import type { Region } from '../../../../src/region/region.ts';
import { report, withRegion } from '../../place.ts';
import { ADMIN, addViewer, fieldsOf, viewOf } from '../view.ts';

async function machineIn(region: Region): Promise<string> {
  const admin = viewOf(region, { viewer: ADMIN });
  for (const [operation, values] of [
    ['POST zones', { name: 'hall-2' }],
    ['POST resourcepools', { name: 'builders' }],
    ['POST domains', { name: 'lab.example' }],
  ] as const)
    assert.equal((await operate(admin, operation, {}, values)).kind, 'json');
  const outcome = await region.enlist(report([0x525400000001], { hostname: 'node1' }));
  assert.ok(outcome.kind === 'create');
  return outcome.machine.systemId;
}

const FORM = {
  hostname: 'node2',
  domain: 'lab.example',
  zone: 'hall-2',
  pool: 'builders',
  description: 'By the door',
  architecture: 'arm64/generic',
  kernel_params: 'quiet',
  min_hwe_kernel: '',
};

test('a machine gets its name, domain, zone, pool and the rest from one form', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const machine = await machineIn(region);
    const view = viewOf(region, { viewer: ADMIN, path: { machine } });
    const before = `${await EDIT_PAGE.render(view)}`;
    for (const name of ['hall-2', 'builders', 'lab.example'])
      assert.ok(before.includes(`<option value="${name}">`), name);
    assert.match(before, /<option value="default" selected>.*<option value="default" selected>/s);
    assert.equal((await EDIT_PAGE.act?.({ ...view, form: fieldsOf(FORM) }))?.kind, 'done');
    const after = await store.findMachine(machine);
    assert.deepEqual(
      [after?.hostname, after?.domain, after?.zone?.name, after?.pool?.name, after?.architecture, after?.description],
      ['node2', 'lab.example', 'hall-2', 'builders', 'arm64', 'By the door'],
    );
    assert.match(`${await EDIT_PAGE.render(view)}`, /<option value="hall-2" selected>/);
  }));

test('a zone that was deleted meanwhile is refused at its field, and nothing is changed', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const machine = await machineIn(region);
    const view = viewOf(region, { viewer: ADMIN, path: { machine }, form: fieldsOf({ ...FORM, zone: 'gone' }) });
    const outcome = await EDIT_PAGE.act?.(view);
    assert.ok(outcome?.kind === 'refusal');
    const again = await EDIT_PAGE.render({
      ...view,
      refusal: formatRefusal(outcome),
      faults: formatFieldFaults(outcome),
    });
    assert.match(`${again}`, /id="f-zone-fault"/);
    assert.equal((await store.findMachine(machine))?.hostname, 'node1');
  }));
