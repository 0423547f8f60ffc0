// A machine's power on its page.
//
// 1. Driver parameters appear only in the administrators' form, and secrets not even there.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { maySwitch } from '../../life/power-life.ts';
import type { Machine } from '../../records/machine.ts';
import { readingText } from '../../records/power-words.ts';
import { renderForm } from '../frame/forms.ts';
import { cellText, renderTime, SPACE } from '../frame/values.ts';
import { EDIT_MACHINE, mayCall, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { isSwitched, machinePath } from './machine-actions.ts';

const COLOURS: Readonly<Record<Machine['powerState'], string>> = {
  on: 'green',
  off: 'grey',
  unknown: 'grey',
  error: 'red',
};

export const driverName = ({ powerType }: Pick<Machine, 'powerType'>): string =>
  powerType === '' || powerType === 'manual' ? words.powerPart.byHand : powerType;

export function describePower(
  view: Pick<View, 'region' | 'viewer'>,
  machine: Machine,
): {
  readonly state: Machine['powerState'];
  /** `12 s ago`; empty: unknown. */
  readonly age: Html;
  readonly problem: string;
} {
  const reading = view.region.power?.reading(machine.systemId);
  const { atMs, ageSeconds } = reading ?? {};
  const age =
    atMs === undefined || ageSeconds === undefined
      ? nothing
      : renderTime(atMs, words.values.ago(ageSeconds * 1000).replaceAll(' ', SPACE));
  const problem = readingText(reading, view.viewer.isAdmin);
  return { state: reading?.state ?? machine.powerState, age, problem };
}

export const powerPill = (state: Machine['powerState']): Html =>
  html`<span class="pill ${COLOURS[state]}">${words.powerPart.states[state]}</span>`;

export const powerTaskText = ({ powerTask }: Machine): string =>
  powerTask === undefined ? '' : words.powerPart.tasks[powerTask];

const POWER_BUTTONS = ['on', 'off', 'cycle', 'query'] as const;

function renderPowerButtons(view: View, machine: Machine) {
  const { viewer } = view;
  const base = `${machinePath(machine.systemId)}power/`;
  const mayEdit = mayCall(viewer, EDIT_MACHINE)
    ? html`<a class="button plain" href="${base}">${words.powerPart.driver}</a>`
    : nothing;
  if (!isSwitched(view.region, machine))
    return mayEdit === nothing ? nothing : html`<div class="card-foot">${mayEdit}</div>`;
  const mayBeSwitched = maySwitch(machine, viewer);
  const switches = view.region.power?.switches(machine);
  // During a task, other tasks are refused and the driver cannot be queried.
  const offered = POWER_BUTTONS.filter(
    (task) =>
      machine.powerTask === undefined &&
      (task === 'query' || (mayBeSwitched && (task === 'on' || switches === 'on-and-off'))),
  );
  if (offered.length === 0 && mayEdit === nothing) return nothing;
  const buttons = offered.map((task) => {
    const { label } = words.power.tasks[task];
    return task === 'query' || task === 'on'
      ? renderForm(view, { to: `${base}${task}/`, body: nothing, submit: label, tone: 'plain', isInline: true })
      : html`<a class="button plain" href="${base}${task}/">${label}</a>`;
  });
  return html`<div class="card-foot">${buttons}${mayEdit}</div>`;
}

export function renderPower(view: View, machine: Machine): Html {
  const labels = words.powerPart;
  const { state, age, problem } = describePower(view, machine);
  const task = powerTaskText(machine);
  const proposed =
    machine.powerIsProposed === true ? html`<dt>${labels.proposed}</dt><dd>${labels.proposedWhy}</dd>` : nothing;
  const name = driverName(machine);
  const isByHand = !isSwitched(view.region, machine);
  const driver = name !== labels.byHand ? words.power.driver(name) : isByHand ? labels.pressButton : name;
  const hint =
    isByHand && name !== labels.byHand ? html`<dt>${labels.switched}</dt><dd>${labels.pressButton}</dd>` : nothing;
  return html`
    <section class="sheet"><div class="card-head"><h2>${labels.heading}</h2>${powerPill(state)}</div>
    <dl class="pairs"><dt>${labels.driver}</dt><dd>${driver}</dd>
    ${age === nothing ? nothing : html`<dt>${labels.seen}</dt><dd>${age}</dd>`}
    ${task === '' ? nothing : html`<dt>${labels.now}</dt><dd><b>${task}</b></dd>`}
    ${problem === '' ? nothing : html`<dt>${labels.says}</dt><dd>${cellText(problem, 'why')}</dd>`}
    ${proposed}${hint}</dl>${renderPowerButtons(view, machine)}</section>`;
}
