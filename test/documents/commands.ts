// Which of the commands that the documents show are not run where their pages are tested, why, and what tests them instead. All of
// `rackboot` are held against the real command line, run or not.

interface NotRun {
  /** Matches the command from its beginning. */
  readonly pattern: RegExp;
  readonly why: string;
  /** The file below `test` that covers it; none: nothing does. */
  readonly coveredBy?: string;
}

const PACKAGES = 'it fetches packages, for a minute or more';

export const NOT_RUN: readonly NotRun[] = [
  {
    pattern: /^(sudo install -d .* && )?git clone /,
    why: 'it fetches the checkout that the test itself is in',
    coveredBy: 'support/first-steps.ts',
  },
  { pattern: /^sudo apt-get update /, why: PACKAGES, coveredBy: 'support/first-steps.ts' },
  { pattern: /^npm ci/, why: 'it replaces the packages that the test itself runs on', coveredBy: '../.ci/run' },
  { pattern: /^sudo npm start -- --vm$/, why: 'it needs QEMU and minutes', coveredBy: 'e2e/first-boot.test.ts' },
  {
    pattern: /^sudo (ln|install) .*\b(local\/bin|systemd)\b/,
    why: 'it installs on this host',
    coveredBy: 'e2e/systemd.test.ts',
  },
  { pattern: /^sudo apt-get install /, why: 'it installs on this host', coveredBy: 'power/programs.test.ts' },
  { pattern: /^sudo systemd-sysusers/, why: 'it makes a user of this host', coveredBy: 'e2e/systemd.test.ts' },
  { pattern: /^(sudo )?systemctl /, why: 'it needs an init', coveredBy: 'e2e/systemd.test.ts' },
  { pattern: /^sudo journalctl /, why: 'it needs the journal of an init' },
  { pattern: /^cd \/opt\/rackboot && git (log|switch) /, why: 'the laboratory has no checkout' },
  { pattern: /^git pull /, why: 'it fetches what is newer than the test itself' },
  { pattern: /^sudo rm /, why: 'it removes from this host', coveredBy: 'documents/removal.test.ts' },
  { pattern: /^sudo -u rackboot /, why: 'it needs the user of the service', coveredBy: 'store/lease-database.test.ts' },
  { pattern: /^echo net\.ipv4\.ip_forward/, why: 'it changes this host' },
  { pattern: /^sudo chown /, why: 'it needs the user of the service', coveredBy: 'e2e/systemd.test.ts' },
  {
    pattern: /^sudo rackboot init --force$/,
    why: 'it begins with an empty store, and the laboratory has one',
    coveredBy: 'e2e/init.test.ts',
  },
  { pattern: /^sudo rackboot init --yes .* && /, why: PACKAGES, coveredBy: 'e2e/init.test.ts' },
  { pattern: /^sudo rackboot images build\b/, why: PACKAGES, coveredBy: 'e2e/environment.test.ts' },
  { pattern: /^sudo rackboot images make-debian\b/, why: PACKAGES, coveredBy: 'support/debian-image.ts' },
  { pattern: /^sudo rackboot images import-installer$/, why: PACKAGES, coveredBy: 'long/first-boot-installer.test.ts' },
  {
    pattern: /^sudo rackboot createadmin --username admin && /,
    why: 'it asks a person, and stays in the foreground',
    coveredBy: 'e2e/commands.test.ts',
  },
  { pattern: /^sudo rackboot power set \S+ ipmi /, why: 'it needs a BMC', coveredBy: 'e2e/power-life.test.ts' },
  { pattern: /^sudo rackboot power check qemu/, why: 'it needs a hypervisor', coveredBy: 'e2e/power-virsh.test.ts' },
  {
    pattern: /^sudo rackboot machines (rescue|exit-rescue) /,
    why: 'a simulated machine opens no login',
    coveredBy: 'e2e/rescue.test.ts',
  },
  {
    pattern: /^sudo rackboot machines deploy .* --by installer/,
    why: 'it needs an installer',
    coveredBy: 'e2e/preseed.test.ts',
  },
  {
    pattern: /^sudo rackboot machines (merge|split|keep-apart) /,
    why: 'it needs a second machine',
    coveredBy: 'e2e/identity.test.ts',
  },
  {
    pattern: /^sudo rackboot machines (move|show) web-7\b/,
    why: 'it needs a second rack',
    coveredBy: 'e2e/rack-key.test.ts',
  },
  {
    pattern: /^sudo rackboot racks (accept|reject|remove) /,
    why: 'it needs a second rack',
    coveredBy: 'e2e/region-racks.test.ts',
  },
  {
    pattern: /^sudo rackboot init --region /,
    why: 'it makes a second rack',
    coveredBy: 'cli/config/init-proposal.test.ts',
  },
  { pattern: /^(printf .* \| sudo tee \/etc\/sysctl\.d\/|sudo sysctl )/, why: 'it changes the kernel of this host' },
  { pattern: /^sudo rackboot outbox\b/, why: 'it needs a region elsewhere', coveredBy: 'e2e/remote-region.test.ts' },
  { pattern: /^ssh /, why: 'a simulated machine opens no login', coveredBy: 'e2e/whole-life.test.ts' },
  { pattern: /^sudo tcpdump /, why: 'it stays in the foreground; the laboratory captures in the same way' },
];

/** A command that goes on until Ctrl-C. */
interface GoesOn {
  readonly pattern: RegExp;
  /** The line by which it is seen to have begun well. */
  readonly begins: RegExp;
  /** It needs the checkout's package.json. */
  readonly inCheckout: boolean;
  /** It may end by itself, too, and then its exit status counts. */
  readonly mayEnd: boolean;
}

const GO_ON: readonly GoesOn[] = [
  { pattern: /^(sudo )?npm start\b/, begins: /\blab +The region answers at http:/, inCheckout: true, mayEnd: false },
  // The last run of scripts is shown to its end.
  { pattern: /\bscripts results .*--follow\b/, begins: /^(?!rackboot: )\S/m, inCheckout: false, mayEnd: true },
  { pattern: /\s--follow\b/, begins: /^(?!rackboot: )\S/m, inCheckout: false, mayEnd: false },
];

/** What a command that goes on is held to; undefined: it ends by itself. */
export function goesOn(command: string): GoesOn | undefined {
  return GO_ON.find(({ pattern }) => pattern.test(command));
}

/** Statuses of a program that SIGINT ended: by itself in good order, as a shell says it, and killed. */
const INTERRUPTED: readonly (number | null)[] = [0, 130, null];

/**
 * The exit status that counts: 0 for a command that goes on only if it began as expected, and went on until it was interrupted.
 * @param wasInterrupted it was sent SIGINT
 */
export function statusThatCounts(
  command: string,
  code: number | null,
  text: string,
  wasInterrupted: boolean,
): number | null {
  const going = goesOn(command);
  if (going === undefined) return code;
  if (!wasInterrupted) return going.mayEnd ? code : code || 1;
  return going.begins.test(text) && INTERRUPTED.includes(code) ? 0 : code || 1;
}

/** Why a command is not run; undefined: it is. */
export function notRun(command: string): NotRun | undefined {
  return NOT_RUN.find(({ pattern }) => pattern.test(command));
}
