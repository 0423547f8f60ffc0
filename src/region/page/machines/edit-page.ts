// The form in which an administrator edits a machine.
//
// 1. Several API operations save the form, one after the other. The first refusal is shown; the
//    changes before it are kept.

import { html, nothing } from '../../../ground/html.ts';
import { lastingJson } from '../../api/json/machine-json.ts';
import { machineNotes } from '../../api/machines/machine-calls.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { DEFAULT_AREA } from '../../records/area.ts';
import type { Machine } from '../../records/machine.ts';
import { asChangeForm, renderForm, ticksField } from '../frame/forms.ts';
import { collectFormValues, type FormOptions, renderControls } from '../frame/operation-form.ts';
import { renderFullPage } from '../frame/parts.ts';
import { PLACE_FIELDS, placeChoices } from '../frame/place-choices.ts';
import {
  EDIT_MACHINE,
  fieldValue,
  findMachineInPath,
  type Outcome,
  operate,
  type PageDefinition,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { machinePath } from './machine-actions.ts';

/** Tags in the form. The API's `update_nodes` adds and removes any further ones. */
const TAGS_SHOWN_MAX = 100;

async function tagsField(view: View, machine: Machine) {
  const tags = (await view.region.store.life.listTags()).slice(0, TAGS_SHOWN_MAX);
  if (tags.length === 0) return nothing;
  return ticksField(asChangeForm(view), {
    name: 'tags',
    label: words.edit.tags,
    values: machine.tags.map(({ name }) => name),
    choices: tags.map(({ name, comment }) => [name, name, comment]),
  });
}

const OWN = ['description', 'architecture', 'kernel_params', ...Object.keys(machineNotes)];
const EDITED = ['hostname', ...PLACE_FIELDS, ...OWN];

async function buildEditOptions(view: View, machine: Machine): Promise<FormOptions> {
  const { hostname, domain, zone, pool, description, kernelParams } = machine;
  return {
    only: EDITED,
    choices: await placeChoices(view, domain),
    required: ['hostname', ...PLACE_FIELDS, 'architecture'],
    values: {
      ...lastingJson(machine, readPlacement(view.region)),
      hostname,
      domain,
      zone: zone?.name ?? DEFAULT_AREA,
      pool: pool?.name ?? DEFAULT_AREA,
      description,
      kernel_params: kernelParams,
    },
  };
}

async function renderEditPage(view: View) {
  const machine = await findMachineInPath(view);
  if (machine === undefined) return undefined;
  const controls = renderControls(view, EDIT_MACHINE, await buildEditOptions(view, machine));
  const body = [...controls, await tagsField(view, machine)];
  const title = words.edit.title(machine.hostname);
  return renderFullPage(view, {
    title,
    place: 'machines',
    main: html`
      <div class="bar"><h1>${title}</h1></div>
      <div class="sheet narrow">${renderForm(view, { body, submit: words.forms.save, back: machinePath(machine.systemId) })}</div>`,
  });
}

const TAG_MACHINES = 'POST tags/{name} update_nodes';

async function changeMachine(view: View): Promise<Outcome> {
  const machine = await findMachineInPath(view);
  if (machine === undefined) return undefined;
  const { systemId } = machine;
  const values = collectFormValues(view, EDIT_MACHINE, { only: EDITED });
  const edited = await operate(view, EDIT_MACHINE, { system_id: systemId }, values);
  if (edited.kind === 'refusal') return edited;
  const wanted = new Set(view.form.get('tags') ?? []);
  const own = new Set(machine.tags.map(({ name }) => name));
  for (const { name } of (await view.region.store.life.listTags()).slice(0, TAGS_SHOWN_MAX)) {
    if (wanted.has(name) === own.has(name)) continue;
    const change = wanted.has(name) ? { add: systemId } : { remove: systemId };
    const answer = await operate(view, TAG_MACHINES, { name }, change);
    if (answer.kind === 'refusal') return answer;
  }
  return { kind: 'done', to: machinePath(systemId), text: words.edit.saved(fieldValue(view, 'hostname')) };
}

export const EDIT_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/edit/',
  access: 'admin',
  render: renderEditPage,
  act: changeMachine,
  operations: [EDIT_MACHINE, TAG_MACHINES],
};
