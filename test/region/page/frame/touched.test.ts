// Two tabs with one form: who saves second keeps what the first changed, and sees both values where they differ.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutUntouched } from '../../../../src/region/page/frame/touched.ts';
import {
  formatFieldFaults,
  formatRefusal,
  operate,
  type PageDefinition,
  type View,
} from '../../../../src/region/page/frame/view.ts';
import { EDIT_PAGE } from '../../../../src/region/page/machines/edit-page.ts';
import { enlist, report, withRegion } from '../../place.ts';
import { ADMIN, addViewer, viewOf } from '../view.ts';

const unescaped = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<');

/** The fields of the page's first form with several fields, as a browser sends them untouched. */
async function formIn(page: PageDefinition, view: View): Promise<ReadonlyMap<string, readonly string[]>> {
  const [form = ''] = (`${await page.render(view)}`.match(/<form method="post"[\s\S]*?<\/form>/g) ?? []).filter((one) =>
    one.includes('shown.'),
  );
  const fields = new Map<string, string[]>();
  const add = (name: string, value: string) => fields.set(name, [...(fields.get(name) ?? []), unescaped(value)]);
  for (const [tag] of form.matchAll(/<input[^>]*>/g)) {
    const part = (name: string) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1];
    const isTick = ['checkbox', 'radio'].includes(part('type') ?? '');
    if (!isTick || tag.includes(' checked')) add(part('name') ?? '', part('value') ?? '');
  }
  for (const [, name = '', value = ''] of form.matchAll(
    /<textarea id="[^"]*" name="([^"]*)"[\s\S]*?>\n([\s\S]*?)<\/textarea>/g,
  ))
    add(name, value);
  for (const [, name = '', options = ''] of form.matchAll(
    /<select id="[^"]*" name="([^"]*)"[^>]*>([\s\S]*?)<\/select>/g,
  ))
    add(name, /<option value="([^"]*)" selected>/.exec(options)?.[1] ?? '');
  return fields;
}

/** What the page does with a sent form, as its route does it. */
async function send(page: PageDefinition, view: View) {
  const touched = await withoutUntouched(page, view);
  return { outcome: touched.refusal ?? (await page.act?.(touched.view)), view: touched.view };
}

test('the second of two tabs changes what it touched; what both changed is refused with both values, then stored', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const { systemId } = await enlist(region, report([0x525400000001], { hostname: 'node1' }));
    const admin = viewOf(region, { viewer: ADMIN, path: { machine: systemId } });
    assert.equal((await operate(admin, 'POST tags', {}, { name: 'gpu' })).kind, 'json');
    const form = await formIn(EDIT_PAGE, admin);
    const [first, second] = [new Map(form), new Map(form)];
    first.set('description', ['by the door']).set('tags', ['gpu']);
    assert.equal((await send(EDIT_PAGE, { ...admin, form: first })).outcome?.kind, 'done');
    second.set('kernel_params', ['quiet']);
    assert.equal((await send(EDIT_PAGE, { ...admin, form: second })).outcome?.kind, 'done');
    const both = await store.findMachine(systemId);
    assert.deepEqual(
      [both?.description, both?.kernelParams, both?.tags.map(({ name }) => name)],
      ['by the door', 'quiet', ['gpu']],
    );

    second.set('description', ['on the roof']);
    const { outcome, view } = await send(EDIT_PAGE, { ...admin, form: second });
    assert.ok(outcome?.kind === 'refusal');
    assert.match(formatFieldFaults(outcome)?.get('description') ?? '', /by the door/);
    assert.equal((await store.findMachine(systemId))?.description, 'by the door');
    const again = await formIn(EDIT_PAGE, {
      ...view,
      refusal: formatRefusal(outcome),
      faults: formatFieldFaults(outcome),
    });
    assert.equal(again.get('description')?.[0], 'on the roof');
    assert.equal((await send(EDIT_PAGE, { ...admin, form: again })).outcome?.kind, 'done');
    const last = await store.findMachine(systemId);
    assert.deepEqual([last?.description, last?.kernelParams], ['on the roof', 'quiet']);
  }));
