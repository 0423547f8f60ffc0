// Which of the commands that the documents show are not run where their pages are tested, and why. All of `rackboot` are held
// against the real command line, run or not.

/** The first that matches a command from its beginning says why it is not run. */
const NOT_RUN: readonly RegExp[] = [
  // It fetches the checkout that the test itself is in.
  /^(sudo install -d .* && )?git clone /,
  // It installs on this host.
  /^sudo apt-get update && sudo apt-get install git nodejs npm$/,
  /^(printf .* \| sudo install|sudo ln -sf rackboot) .*\/usr\/local\/bin\/maas/,
  /^sudo ln -sf .*\blocal\/bin\b/,
  /^sudo install -m 644 systemd\/rackboot-region\.service /,
  /^sudo install .*\bsystemd\b/,
  /^sudo apt-get install (ipmitool|libvirt-clients)\b/,
  /^sudo apt-get install (?:mmdebstrap|qemu-user-static) /,
  /^sudo apt-get install nftables$/,
  // It fetches packages, for a minute or more.
  /^sudo apt-get update /,
  /^sudo rackboot init --yes .* && /,
  /^sudo rackboot images build\b/,
  /^sudo rackboot images make-debian\b/,
  /^sudo rackboot images import-installer$/,
  // It replaces the packages that the test itself runs on.
  /^npm ci && npm start$/,
  /^npm ci && npm test$/,
  /^npm ci/,
  /^sudo rm -rf node_modules && npm ci$/,
  // It tests the checkout that the test itself is in.
  /^npm run check$/,
  /^node bin\/with-node\.js test\/run\.ts /,
  // It fetches packages and runs QEMU, for minutes.
  /^sudo npm start -- --vm$/,
  // It makes a user of this host, and directories of that user.
  /^sudo (useradd --system|install -d (-o rackboot .*)?-m 7\d\d|chown -R rackboot:) /,
  // It would add a machine to the lists of the page.
  /^sudo rackboot machines add /,
  // It makes a user or a database of a server that only its test has.
  /^sudo -u postgres (createuser|createdb|psql) /,
  // It writes the password of a database that only its test has.
  /^sudo (install -g rackboot|bash -c 'read) .*\/etc\/rackboot\/database-password/,
  // It needs an init.
  /^(sudo )?systemctl .*\brackboot-region$/,
  /^(sudo )?systemctl (daemon-reload|enable|restart|start|stop|reload|disable|status)\b/,
  // It makes a user of this host.
  /^sudo systemd-sysusers/,
  // It changes the packet filter of this host.
  /^sudo systemctl enable nftables/,
  // This host has no such file.
  /^sudo nft --check /,
  // It needs a MAAS.
  /^sudo rackboot import-maas /,
  // It restores over the state of this host.
  /^sudo rackboot restore /,
  // It asks a person.
  /^sudo rackboot createadmin --username ann$/,
  // The region of the laboratory runs, and has no PostgreSQL.
  /^sudo rackboot region copy /,
  // The laboratory has no region apart from its rack.
  /^sudo rackboot region backup /,
  /^sudo rackboot region restore /,
  /^sudo rackboot region check /,
  // It asks for a password on the terminal.
  /^sudo rackboot createadmin .*region\.yaml$/,
  // It needs the journal of an init.
  /^sudo journalctl /,
  // The laboratory has no checkout.
  /^cd \/opt\/rackboot && git (log|switch) /,
  // It fetches what is newer than the test itself.
  /^git pull /,
  // It removes from this host.
  /^sudo rm /,
  // It needs the user of the service.
  /^sudo -u rackboot /,
  /^sudo chown /,
  // It changes this host.
  /^echo net\.ipv4\.ip_forward/,
  // It asks sites of the Internet.
  /^sudo rackboot images (?:import(?:$| (?:ubuntu|debian))|available|check-sources|mirror|key)\b/,
  /^sudo rackboot images import (?:centos|bootloader)\//,
  // The laboratory has none of these systems.
  /^sudo rackboot images (?:export|import \.)/,
  // The laboratory has the root of no system.
  /^sudo rackboot images add (?:root\.|\/srv\/)/,
  // The laboratory has none of these images.
  /^sudo rackboot images remove (?:ubuntu|bootloader\/|installer\/|amd64\/)/,
  // This host lacks the files with the keys of these sites.
  /^sudo rackboot images sources (?:(?:add|set) .* --key(?:ring|s) |remove )/,
  // There is no other host.
  /^scp /,
  // It asks a mirror of the Internet.
  /^sudo rackboot images import installer\//,
  // The laboratory has neither the region elsewhere nor these images.
  /^(?:sudo )?rackboot images upload /,
  // It asks a person, and stays in the foreground.
  /^sudo rackboot createadmin --username admin && /,
  // It needs a BMC.
  /^sudo rackboot power set \S+ ipmi /,
  // It needs a hypervisor.
  /^sudo rackboot power check qemu/,
  // A simulated machine opens no login.
  /^sudo rackboot machines (rescue|exit-rescue) /,
  /^ssh /,
  // It needs an installer.
  /^sudo rackboot machines deploy .* --by installer/,
  // It needs a second machine.
  /^sudo rackboot machines (merge|split|keep-apart) /,
  // It needs a second rack.
  /^sudo rackboot machines (move|show) web-7\b/,
  /^sudo rackboot racks (accept|reject|remove) /,
  // It makes a second rack.
  /^sudo rackboot init --region /,
  // It changes the kernel of this host.
  /^(printf .* \| sudo tee \/etc\/sysctl\.d\/|sudo sysctl )/,
  // It needs a region elsewhere.
  /^sudo rackboot outbox\b/,
  // It stays in the foreground; the laboratory captures in the same way.
  /^sudo tcpdump /,
];

/** A command that continues until Ctrl-C. */
interface GoesOn {
  readonly pattern: RegExp;
  /** The line by which it is seen to have begun well. */
  readonly begins: RegExp;
  /** It needs the checkout's package.json. */
  readonly inCheckout: boolean;
  /** How long it is listened to once it has begun, in milliseconds. */
  readonly listenMs: number;
  /** It may also end without a signal; its exit status then counts. */
  readonly mayEnd: boolean;
}

const GO_ON: readonly GoesOn[] = [
  {
    pattern: /^(sudo )?npm start\b/,
    begins: /\blab +The region answers at http:/,
    inCheckout: true,
    listenMs: 500,
    mayEnd: false,
  },
  // The last run of scripts is shown to its end.
  {
    pattern: /\bscripts results .*--follow\b/,
    begins: /^(?!rackboot: )\S/m,
    inCheckout: false,
    listenMs: 3000,
    mayEnd: true,
  },
  { pattern: /^curl .*text\/event-stream/, begins: /^(?:event:|:)/m, inCheckout: false, listenMs: 3000, mayEnd: false },
  { pattern: /\s--follow\b/, begins: /^(?!rackboot: )\S/m, inCheckout: false, listenMs: 3000, mayEnd: false },
];

/** The expectation for a command that continues; undefined: it ends without a signal. */
export function goesOn(command: string): GoesOn | undefined {
  return GO_ON.find(({ pattern }) => pattern.test(command));
}

/** Exit statuses of a program that SIGINT ended: orderly, as a shell reports it, and killed. */
const INTERRUPTED: readonly (number | null)[] = [0, 130, null];

/**
 * The exit status that counts: 0 for a command that continues only if it began as expected, and continued until it was interrupted.
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

/** True if a command is not run where its page is tested. */
export const isNotRun = (command: string): boolean => NOT_RUN.some((pattern) => pattern.test(command));
