// The pages of tags, scripts and settings.

import { counted } from '../../../counted.ts';
import { html } from '../../../html.ts';

/** The tags. */
export const TAGS = {
  title: 'Tags',
  machines: (machines: number): string => counted(machines, 'machine'),
  nameHint: 'Letters, digits, - and _.',
  kernelParamsHint:
    "These replace the parameters of the settings. If several of a machine's tags have some, the first by name applies.",
  empty: 'No tags yet. A tag groups machines, and can set their kernel parameters.',
  addOne: 'Add a tag',
  add: 'Add tag',
  footer: 'To tag a machine, add the tag here first; then edit the machine on its page.',
  added: (tag: string): string => `Tag ${tag} added.`,
  titleOf: (tag: string): string => `Tag ${tag}`,
  deleteIt: 'Delete this tag',
  delete: 'Delete tag',
  loss: (machines: number): string =>
    machines === 0
      ? 'No machine has it.'
      : `${counted(machines, 'machine loses', 'machines lose')} it, with its kernel parameters.`,
  deleted: (tag: string): string => `Tag ${tag} deleted.`,
  saved: (tag: string): string => `Tag ${tag} saved.`,
};

/** The scripts. */
export const SCRIPTS = {
  title: 'Scripts',
  commissioning: 'Commissioning',
  testing: 'Testing',
  empty: 'No scripts: only the built-in checks run.',
  order: (position: number): string => `order ${position}`,
  atMost: (time: string): string => `at most ${time}`,
  changed: (ago: string): string => `changed ${ago}`,
  destructive: 'overwrites data',
  onlyChosen: 'runs only where it is chosen',
  tagged: (tags: readonly string[]): string => `tags: ${tags.join(', ')}`,
  tags: { label: 'Tags', hint: 'With commas between. A script tagged noauto runs only where it is chosen.' },
  read: 'Read',
  when: { label: 'When it runs', commissioning: 'during commissioning', testing: 'during testing' },
  timeLimit: { label: 'Time limit', hint: 'Seconds, or 10m, 2h, 01:30:00.' },
  position: { label: 'Order', hint: '0 to 999. Lower numbers run first.' },
  file: { label: 'File', hint: 'Its text replaces the one below.' },
  script: {
    label: 'Script',
    hint: 'The first line names the interpreter. A non-zero exit status is a failure.',
  },
  addOne: 'Add a script',
  add: 'Add script',
  added: (script: string): string => `Script ${script} added: it runs from now on.`,
  titleOf: (script: string): string => `Script ${script}`,
  all: 'All scripts',
  deleteIt: 'Delete this script',
  deleteWhat: 'It will no longer run. Its results are kept.',
  delete: 'Delete script',
  deleted: (script: string): string => `Script ${script} deleted.`,
  saved: (script: string): string => `Script ${script} saved.`,
};

/** The settings that operators change most. */
export const SETTINGS_PAGE = {
  title: 'Settings',
  kernelParams: {
    label: 'Kernel parameters',
    hint: 'For machines that have none of their own and none from a tag.',
  },
  release: {
    label: 'Release of the environment',
    hint: 'The ephemeral environment, in which machines are commissioned, deployed and erased.',
  },
  upstreamDns: {
    label: 'Upstream DNS servers',
    hint: "For names outside Rackboot's own zones. Separate the addresses with spaces.",
  },
  setIn: (place: string): string => `Set in ${place}: change it there.`,
  footer: html`All settings: <code>sudo rackboot config show</code> and the configuration file.`,
  saved: (label: string): string => `${label} saved.`,
};
