// The form of an action on one machine: its effects, and its fields.

import { html } from '../../../ground/html.ts';
import { ONLY_ADMINISTRATORS, refuse } from '../../api/call/answer.ts';
import { refuseCommand } from '../../life/commands.ts';
import type { Machine } from '../../records/machine.ts';
import { renderForm } from '../frame/forms.ts';
import { renderFullPage, renderRefused } from '../frame/parts.ts';
import {
  buildOutcome,
  findMachineInPath,
  formatRefusal,
  mayCall,
  operate,
  type PageDefinition,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import {
  actionsFor,
  buildViewerActor,
  formTone,
  isSwitched,
  MACHINE_ACTIONS,
  type MachineAction,
  machinePath,
} from './machine-actions.ts';
import { describePower } from './power-part.ts';

/** Those with a form of their own for one machine. */
const ACTIONS = MACHINE_ACTIONS.filter(({ texts }) => texts().heading !== undefined);

function findAction({ path: { action, task } }: View) {
  return ACTIONS.find(({ name }) => name === (action ?? `power-${task}`));
}

function whyNot({ viewer }: View, machine: Machine, { command, operation, texts }: MachineAction) {
  const refused = command === undefined ? undefined : refuseCommand(machine, command, buildViewerActor(viewer));
  if (refused !== undefined) return refused.text;
  return mayCall(viewer, operation)
    ? words.actionForms.impossible(machine.hostname, texts().label)
    : formatRefusal(refuse('not-allowed', ONLY_ADMINISTRATORS));
}

async function renderActionPage(view: View) {
  const action = findAction(view);
  const machine = await findMachineInPath(view);
  if (action === undefined || machine === undefined) return undefined;
  const { label, heading } = action.texts();
  const back = machinePath(machine.systemId);
  const isPossible = action.where === undefined || actionsFor(machine, view.viewer).includes(action);
  if (!isPossible && view.refusal === undefined) return renderRefused(view, whyNot(view, machine, action), back);
  const power = { isSwitched: isSwitched(view.region, machine), isOff: describePower(view, machine).state === 'off' };
  const effects = action.effects(machine, power).map((text) => html`<li>${text}</li>`);
  const title = heading?.(machine.hostname) ?? label;
  return renderFullPage(view, {
    title,
    place: 'machines',
    main: html`
      <div class="bar"><h1>${title}</h1></div>
      <div class="sheet narrow"><ul class="effects">${effects}</ul>
      ${renderForm(view, {
        body: await action.form.fields(view, machine, false),
        submit: label,
        tone: formTone(action),
        back,
      })}</div>`,
  });
}

async function runAction(view: View) {
  const action = findAction(view);
  const machine = await findMachineInPath(view);
  if (action === undefined || machine === undefined) return undefined;
  const { systemId, hostname } = machine;
  const values = await action.form.values(view, machine);
  const answer = await operate(view, action.operation, { system_id: systemId }, values);
  const to = action.name === 'delete' ? '/MAAS/machines/' : machinePath(systemId);
  return buildOutcome(answer, to, action.texts().done?.(hostname, answer) ?? '');
}

const operations = ACTIONS.map(({ operation }) => operation);

export const ACTION_PAGES: readonly PageDefinition[] = [
  { path: '/MAAS/machines/:machine/do/:action/', access: 'user', render: renderActionPage, act: runAction, operations },
  {
    path: '/MAAS/machines/:machine/power/:task/',
    access: 'user',
    render: renderActionPage,
    act: runAction,
    operations,
  },
];
