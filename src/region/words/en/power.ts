// The power drivers and their parameters, and what is wrong with a parameter.

import type { PowerDriverName } from '../../../machines/power-drivers.ts';
import type { IpmiParameter } from '../../../power/ipmi.ts';
import type { ParameterProblem } from '../../../power/parameters.ts';
import type { VirshParameter } from '../../../power/virsh.ts';
import type { WebhookParameter } from '../../../power/webhook.ts';

interface ParameterWords {
  readonly label: string;
  /** The valid values, where the label does not name them. */
  readonly expects?: string;
}

interface DriverWords<Name extends string> {
  readonly label: string;
  readonly parameters: Readonly<Record<Name, ParameterWords>>;
}

const MANUAL: DriverWords<never> = { label: 'Manual', parameters: {} };

const IPMI: DriverWords<IpmiParameter> = {
  label: 'IPMI',
  parameters: {
    power_address: {
      label: 'Address of the BMC',
      expects: 'an address or a name, and a port if it is not 623: 10.0.0.5, bmc-7:6230, [fd00::5]:623',
    },
    power_user: { label: 'User', expects: 'at most 16 printable ASCII characters' },
    power_pass: { label: 'Password', expects: 'at most 20 printable ASCII characters' },
    power_driver: { label: 'Protocol: IPMI 2.0 or 1.5' },
    power_boot_type: { label: 'Firmware to boot with' },
    power_off_mode: { label: 'How to switch off: hard if the BMC has no soft off' },
    cipher_suite_id: { label: 'Cipher suite' },
    privilege_level: { label: 'Privilege level' },
    k_g: {
      label: 'Key of the BMC (K_g)',
      expects:
        'at most 20 printable ASCII characters: ipmitool accepts other keys only as an argument, which every user can see',
    },
    mac_address: { label: 'Hardware address of the BMC', expects: 'six pairs of hexadecimal digits' },
    workaround_flags: {
      label: 'Flags for FreeIPMI, which ipmitool does not need',
      expects: 'names separated by commas',
    },
  },
};

const VIRSH: DriverWords<VirshParameter> = {
  label: 'Virsh (virtual machines)',
  parameters: {
    power_address: {
      label: 'URI of the host',
      expects: 'a libvirt URI: qemu+ssh://user@host/system, qemu:///system, qemu+tls://host/system, test:///default',
    },
    power_id: {
      label: 'Name of the virtual machine',
      expects: "the machine's name or UUID there; if its name is a number, its UUID (virsh domuuid NAME)",
    },
    power_pass: {
      label: 'Password',
      expects: 'none, because Rackboot logs in by key; `rackboot power key` prints the line for authorized_keys',
    },
  },
};

const WEB_URL = 'an http or https URL without a user name';
const EXPRESSION = 'a regular expression of at most 512 characters';
const ASCII = 'printable ASCII characters';

const WEBHOOK: DriverWords<WebhookParameter> = {
  label: 'Webhook',
  parameters: {
    power_on_uri: { label: 'URL that switches on (POST)', expects: WEB_URL },
    power_off_uri: { label: 'URL that switches off (POST)', expects: WEB_URL },
    power_query_uri: { label: 'URL that returns the state (GET)', expects: WEB_URL },
    power_on_regex: { label: "Matches the query's answer when the machine is on", expects: EXPRESSION },
    power_off_regex: { label: "Matches the query's answer when the machine is off", expects: EXPRESSION },
    power_user: { label: 'User', expects: ASCII },
    power_pass: { label: 'Password', expects: ASCII },
    power_token: { label: 'Token, instead of user and password', expects: ASCII },
    power_verify_ssl: { label: 'Check the certificate' },
  },
};

const WORDS: Readonly<Record<PowerDriverName, DriverWords<string>>> = {
  manual: MANUAL,
  ipmi: IPMI,
  virsh: VIRSH,
  webhook: WEBHOOK,
};
/** Keyed by any text: a store may hold a driver of another version. */
const DRIVERS: ReadonlyMap<string, DriverWords<string>> = new Map(Object.entries(WORDS));

/** The driver's name for people; its own name if this table has none. */
export const driverLabel = (driver: string): string => DRIVERS.get(driver)?.label ?? driver;

/** The words for a driver's parameter; its own name if this table has none. */
export const parameterWords = (driver: string, name: string): ParameterWords =>
  DRIVERS.get(driver)?.parameters[name] ?? { label: name };

/** The fault, to put after the parameter. */
export function faultText({ driver, parameter, fault }: ParameterProblem): string {
  switch (fault.kind) {
    case 'missing':
    case 'invalid': {
      const { label, expects = label } = parameterWords(driver, parameter);
      const choices = fault.choices === undefined ? undefined : `one of ${fault.choices.join(', ')}`;
      return `is ${fault.kind}; give ${choices ?? expects}`;
    }
    case 'unknown': {
      const hint = fault.meant.length === 0 ? '' : `; did you mean ${fault.meant.join(', ')}?`;
      return `not a parameter of this driver, which has ${fault.known.join(', ') || 'none'}${hint}`;
    }
  }
}

/** The fault after its parameter's name. */
export const problemText = (problem: ParameterProblem): string => `${problem.parameter}: ${faultText(problem)}`;
