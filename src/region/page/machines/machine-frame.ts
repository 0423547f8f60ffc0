// The frame of all sections of one machine's page: its name and state, and the links to the sections.

import { parseMac } from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { type Machine, machineFqdn } from '../../records/machine.ts';
import { renderFullPage } from '../frame/parts.ts';
import { statusPill } from '../frame/values.ts';
import type { View, Viewer } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { actionPath, actionsFor, chooseActionTone, type MachineAction, machinePath } from './machine-actions.ts';

/** The sections by the last segment of their address; the first is that of the machine itself. */
const SECTIONS = ['', 'boot', 'hardware', 'network', 'storage', 'scripts', 'preseed', 'events'] as const;
export type SectionName = (typeof SECTIONS)[number];

export const sectionPath = (systemId: string, section: SectionName): string =>
  section === '' ? machinePath(systemId) : `${machinePath(systemId)}${section}/`;

function renderTabs(machine: Machine, current: SectionName) {
  const links = SECTIONS.map(
    (name) =>
      html`<a href="${sectionPath(machine.systemId, name)}"${name === current ? html` aria-current="page"` : nothing}>${words.sections.names[name]}</a>`,
  );
  return html`<nav id="tabs" class="tabs" aria-label="${words.sections.label}">${links}</nav>`;
}

/** The machine of the page, by its system id or one of its hardware addresses. */
export async function findAddressed({ region, path }: View): Promise<Machine | undefined> {
  const wanted = path.machine ?? '';
  const mac = parseMac(wanted);
  if (mac === undefined) return await region.store.findMachine(wanted);
  return (await region.store.listMachines({ macs: [mac] }, 0, 1))[0];
}

interface SectionParts {
  readonly section: SectionName;
  /** Child elements with ids are refreshed separately. */
  readonly main: Html;
  readonly footer?: Html;
  /** True if it refreshes itself; it must then contain no form with fields. */
  readonly isLive?: boolean;
}

export const renderActionLink = (machine: Machine, action: MachineAction): Html => {
  const tone = chooseActionTone(action, machine);
  return html`<a class="button ${tone === 'danger' ? 'warn' : tone}" href="${actionPath(machine, action.name)}">${action.texts().label}</a>`;
};

const rankAction = (action: MachineAction, machine: Machine) =>
  ({ primary: 0, plain: 1, danger: 2 })[chooseActionTone(action, machine)];

/** The buttons of what the viewer may do with the machine in its state, the usual one first. */
export const mainLinks = (machine: Machine, viewer: Viewer): readonly Html[] =>
  actionsFor(machine, viewer)
    .filter(({ where }) => where === 'main')
    .toSorted((a, b) => rankAction(a, machine) - rankAction(b, machine))
    .map((action) => renderActionLink(machine, action));

export function renderMachineSection(
  view: View,
  machine: Machine,
  { section, main, footer, isLive = true }: SectionParts,
): Html {
  const name = machineFqdn(machine);
  // The first section has them below its state.
  const links = section === '' ? [] : mainLinks(machine, view.viewer);
  return renderFullPage(view, {
    title: section === '' ? name : words.sections.title(name, words.sections.names[section]),
    place: 'machines',
    isLive,
    main: html`
      <div id="head" class="head"><h1>${name}</h1>${statusPill(machine.status)}${links}</div>
      ${renderTabs(machine, section)}${main}`,
    ...(footer === undefined ? {} : { footer }),
  });
}
