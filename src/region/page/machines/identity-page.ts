// The page on which a person decides which hardware a machine is: its evidence, the machines that
// may be the same, and the forms that merge, keep apart, split and move.
//
// 1. Every form is an operation of `identity-operations.ts`, which decides.

import { formatMac } from '../../../ground/address.ts';
import { asSentence } from '../../../ground/counted.ts';
import { type Html, html } from '../../../ground/html.ts';
import { type Machine, machineFqdn } from '../../records/machine.ts';
import type { Conflict } from '../../records/store.ts';
import { type Choice, hiddenField, renderForm } from '../frame/forms.ts';
import { collectFormValues, type FormOptions, renderControls } from '../frame/operation-form.ts';
import { cell, renderFullPage } from '../frame/parts.ts';
import { conflictText, orNone, statusPill } from '../frame/values.ts';
import {
  fieldValue,
  findMachineInPath,
  type Outcome,
  ofForm,
  type PageDefinition,
  submit,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { machinePath } from './machine-actions.ts';

const ACTS = {
  merge: 'POST machines/{system_id} merge',
  'keep-apart': 'POST machines/{system_id} keep_apart',
  split: 'POST machines/{system_id} split',
  move: 'POST machines/{system_id} move',
} as const;
/** Of one machine. */
const CONFLICTS_MAX = 20;

type Act = keyof typeof ACTS;
const isAct = (name: string): name is Act => Object.hasOwn(ACTS, name);

export const identityPath = (systemId: string): string => `${machinePath(systemId)}identity/`;

/** A button whose form needs no more than what it names. */
const actButton = (view: View, to: string, act: Act, other: string, submitText: string, tone: 'plain' | 'danger') =>
  renderForm(view, {
    to,
    body: [hiddenField('do', act), hiddenField('other', other)],
    submit: submitText,
    tone,
    isInline: true,
  });

/** A machine as a person compares it with another. */
function comparedRow(view: View, machine: Machine, other: Machine): Html {
  const { columns, mergeHere } = words.identity;
  const { systemId, interfaces, serial = '', uuid = '' } = machine;
  const button = actButton(view, identityPath(systemId), 'merge', other.systemId, mergeHere, 'danger');
  return html`
    <tr><td class="first"><div class="name"><a href="${machinePath(systemId)}">${machineFqdn(machine)}</a> ${statusPill(machine.status)}</div>
    <div class="small"><span class="id">${systemId}</span></div></td>
    ${cell(columns.macs, html`<div class="mono">${interfaces.map(({ mac }) => html`<span>${formatMac(mac)}</span>`)}</div>`)}
    ${cell(columns.serial, orNone(serial))}${cell(columns.uuid, orNone(uuid))}
    ${cell('', html`<div class="acts row">${button}</div>`, 'way')}</tr>`;
}

async function conflictPart(view: View, machine: Machine, { systemId, otherId, why }: Conflict): Promise<Html> {
  const { columns, keepApart } = words.identity;
  const reason = html`<p class="lead">${asSentence(conflictText(why))}</p>`;
  const second = systemId === machine.systemId ? otherId : systemId;
  const other = second === machine.systemId ? undefined : await view.region.store.findMachine(second);
  if (other === undefined) return html`<div class="sheet stacked">${reason}<p></p></div>`;
  const head = [columns.machine, columns.macs, columns.serial, columns.uuid, ''].map((text) => html`<th>${text}</th>`);
  const apart = actButton(view, '', 'keep-apart', second, keepApart, 'plain');
  return html`
    <div class="sheet stacked">${reason}<table class="plain"><thead><tr>${head}</tr></thead>
    <tbody>${comparedRow(view, machine, other)}${comparedRow(view, other, machine)}</tbody></table>
    <div class="card-foot">${apart}</div></div>`;
}

/** The forms that need no conflict, each with the value of `do`. */
function formsFor(
  { region }: View,
  machine: Machine,
): readonly (readonly [keyof typeof words.identity.forms, FormOptions])[] {
  const macs = machine.interfaces.map(({ mac }): Choice => [formatMac(mac), formatMac(mac)]);
  const racks = region.racks.accepted().map(({ uuid, name }): Choice => [uuid, name]);
  return [
    ['merge', {}],
    ...(macs.length > 1 ? [['split', { choices: { mac_addresses: macs } }] as const] : []),
    ...(racks.length > 0 ? [['move', { choices: { rack: racks } }] as const] : []),
  ];
}

async function renderIdentityPage(view: View): Promise<Html | undefined> {
  const machine = await findMachineInPath(view);
  if (machine === undefined || machine.device !== undefined) return undefined;
  const { title, lead, forms } = words.identity;
  const conflicts = await view.region.store.listConflicts(CONFLICTS_MAX, machine.systemId);
  const parts = await Promise.all(conflicts.map((conflict) => conflictPart(view, machine, conflict)));
  const sentAct = fieldValue(view, 'do');
  const others = formsFor(view, machine).map(([act, options]) => {
    const { heading, text, submit: submitText } = forms[act];
    const own = ofForm(view, sentAct === act);
    const body = [hiddenField('do', act), ...renderControls(own, ACTS[act], options)];
    const tone = act === 'move' ? 'primary' : 'danger';
    return html`<h2>${heading}</h2><div class="sheet narrow"><p class="lead">${text}</p>${renderForm(view, { body, submit: submitText, tone, back: machinePath(machine.systemId) })}</div>`;
  });
  return renderFullPage(view, {
    title: title(machine.hostname),
    place: 'machines',
    main: html`
      <div class="bar"><h1>${title(machine.hostname)}</h1></div><p class="soft">${lead(conflicts.length)}</p>${parts}${others}`,
  });
}

async function changeIdentity(view: View): Promise<Outcome> {
  const machine = await findMachineInPath(view);
  const name = fieldValue(view, 'do');
  if (machine === undefined || !isAct(name)) return undefined;
  const { systemId, hostname } = machine;
  const to = name === 'keep-apart' ? identityPath(systemId) : machinePath(systemId);
  const values = collectFormValues(view, ACTS[name]);
  return submit(view, ACTS[name], { system_id: systemId }, values, to, words.identity.done[name](hostname));
}

export const IDENTITY_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/identity/',
  access: 'admin',
  render: renderIdentityPage,
  act: changeIdentity,
  operations: Object.values(ACTS),
};
