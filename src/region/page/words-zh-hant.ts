// The page's words in Traditional Chinese that are computed; the others are in `lang/zh-Hant.json`. A word that both lack is English (`words.ts`).
//
// Terms: 驗收 commissioning, 登錄 enlistment, 部署 deployment, 釋出 release, 抹除 erasing; 區域控制器 region, 機架控制器 rack; 分區 zone,
// 資源池 pool, 租約 lease, 保留 reservation. Names that people type (proxy, amd64, cloud-init) stay as they are.

import { html } from '../../html.ts';
import { formatAge, formatDuration, formatSize } from '../../quantity.ts';
import type { MachineStatus } from '../records/lifecycle.ts';
import type { MachineEventType } from '../records/machine-event.ts';
import { driverLabel, parameterWords } from '../records/power-words.ts';
import { HAPPENINGS_ZH } from './happenings.ts';
import type { Translation } from './words.ts';

/** The units of a duration; the rest of it is a number. */
const UNITS: Readonly<Record<string, string>> = { s: '秒', min: '分鐘', h: '小時', d: '天' };

/** A duration in Chinese: `3 h 12 min` as `3 小時 12 分鐘`. */
const spanText = (span: string | number): string =>
  String(span).replaceAll(/\b(?:s|min|h|d)\b/g, (unit) => UNITS[unit] ?? unit);
const durationText = (ms: number): string => spanText(formatDuration(ms));

const STATES: Readonly<Record<MachineStatus, string>> = {
  new: '新機器',
  commissioning: '驗收中',
  'failed-commissioning': '驗收失敗',
  missing: '遺失',
  ready: '就緒',
  reserved: '已保留',
  deployed: '已部署',
  retired: '已除役',
  broken: '故障',
  deploying: '部署中',
  allocated: '已分配',
  'failed-deployment': '部署失敗',
  releasing: '釋出中',
  'failed-releasing': '釋出失敗',
  'disk-erasing': '抹除磁碟中',
  'failed-disk-erasing': '抹除磁碟失敗',
  'rescue-mode': '救援模式',
  'entering-rescue-mode': '進入救援模式中',
  'failed-entering-rescue-mode': '進入救援模式失敗',
  'exiting-rescue-mode': '離開救援模式中',
  'failed-exiting-rescue-mode': '離開救援模式失敗',
  testing: '測試中',
  'failed-testing': '測試失敗',
};

const EVENT_TYPES: Readonly<Record<MachineEventType, string>> = {
  NEW: '新機器',
  NODE_CHANGED_STATUS: '狀態變更',
  NODE_STATUS_EVENT: '狀態事件',
  NODE_COMMISSIONING_EVENT: '驗收',
  NODE_TESTING_EVENT: '測試',
  NODE_ERASING_EVENT: '抹除磁碟',
  NODE_RESCUE_EVENT: '救援模式',
  NODE_PXE_REQUEST: 'PXE 要求',
  NODE_TFTP_REQUEST: 'TFTP 要求',
  NODE_HTTP_REQUEST: 'HTTP 要求',
  NODE_DHCP_EVENT: 'DHCP',
  NODE_DNS_EVENT: 'DNS',
  NODE_RACK_EVENT: '機架控制器',
  NODE_POWER_REPORTED: '回報 BMC',
  NODE_ENLISTMENT_IGNORED: '忽略登錄回報',
  NODE_ENLISTMENT_REFUSED: '拒絕登錄',
  NODE_SEEN_ELSEWHERE: '在別處出現',
  NODE_ENLISTMENT_CONFLICT: '疑似另一台機器',
  NODE_IDENTITY_CHANGED: '合併或拆分機器',
  NODE: '機器',
  NODE_INSTALL_EVENT: '安裝',
  NODE_DISK_WRITTEN: '磁碟已寫入',
  NODE_POWERED_ON: '已開機',
  NODE_POWERED_OFF: '已關機',
  NODE_POWER_ON_FAILED: '開機失敗',
  NODE_POWER_OFF_FAILED: '關機失敗',
  NODE_POWER_QUERY_FAILED: '電源查詢失敗',
  NODE_HUNG: '重新啟動',
  TAG: '標籤',
  ZONES: '分區與資源池',
  SCRIPT: '指令碼',
  NODE_REMOVED: '機器',
  RACK_REGISTERED: '機架控制器註冊',
  RACK_CHANGED: '機架控制器',
  RACK_AWAY: '機架控制器失聯',
  RACK_BACK: '機架控制器恢復連線',
  RACK_EVENTS_LOST: '事件遺失',
  SETTINGS: '設定',
  NETWORKING: '網路',
  IMAGES: '映像檔',
  REGION_IMPORT_INFO: '匯入映像檔',
  REGION_IMPORT_ERROR: '匯入映像檔錯誤',
  AUTHORISATION: '授權',
};

/** By the API's description of a parameter. */
const HINTS: Readonly<Record<string, string>> = {
  'The architecture, `amd64/generic`.': '例如 amd64/generic。',
  'The oldest kernel with which the machine may be deployed: `ga-24.04`, `hwe-24.04`; empty: any.':
    '部署時可用的最舊核心，例如 ga-24.04、hwe-24.04；留空則不限。',
  'The system id of the machine that it is a part of.': '它所屬機器的系統 ID。',
  'The system id of the other machine.': '另一台機器的系統 ID。',
  'The hardware addresses of its interfaces.': '其介面的 MAC 位址。',
  'The hardware addresses of the new machine; repeated or separated by commas.': '新機器的 MAC 位址。',
  'The name or UUID of the rack.': '目的機架控制器。',
  'The name of one of its networks, or the network as 10.20.0.0/24. Default: the first that only this rack serves.':
    '其網路的名稱，或 10.20.0.0/24 形式；預設為只由此機架控制器服務的第一個。',
  'The tag, any word.': '任何單字。',
  '1 to 64 letters, digits, - and _, with spaces between them.': '1 到 64 個字母、數字、- 與 _，中間可有空格。',
  'Its name. Default: the network.': '預設：網路。',
  'Its name. Default: fabric-N.': '預設：fabric-N。',
  'Its name. Default: space-N.': '預設：space-N。',
  'Its name. Default: eth0, eth1, and so on.': '預設：eth0、eth1，依此類推。',
  'Its name. Default: md0, md1, and so on.': '預設：md0、md1，依此類推。',
  'Its name.': '它的名稱。',
  'Its new name.': '新的名稱。',
  'Its name, without that of the group.': '不含群組的名稱。',
  'Its name on the deployed system: at most 15 letters, digits, `.`, `_` and `-`.':
    '在部署後系統上的名稱：最多 15 個字母、數字、.、_ 與 -。',
  'Letters, digits, - and _.': '字母、數字、- 與 _。',
  'Its purpose.': '用途。',
  'A note for people.': '給人看的備註。',
  'The network: 10.20.0.0/24.': '網路，例如 10.20.0.0/24。',
  'The id of its VLAN. Default: the untagged VLAN of the fabric.': '預設：Fabric 中無標籤的 VLAN。',
  'Its tag, 1 to 4094; 0: untagged.': '標籤 1 到 4094；0：無標籤。',
  'The router given to machines; empty: none.': '提供給機器的路由器；留空則無。',
  'The router, an address of the source.': '路由器，須為來源網路中的位址。',
  'DNS servers given to machines, separated by commas or blanks; empty: those of the rack.':
    '提供給機器的 DNS 伺服器，以逗號或空格分隔；留空則使用機架控制器的設定。',
  'Whether machines get the rack as their DNS server. Kept while no rack offers DHCP there.':
    '機器是否以機架控制器為 DNS 伺服器。沒有機架控制器在此提供 DHCP 時也會保留。',
  'The first address.': '第一個位址。',
  'The last address.': '最後一個位址。',
  'dynamic, for unknown machines; reserved, for nobody; static, for machines of the region.':
    'dynamic：供未知的機器；reserved：不分配；static：供區域控制器的機器。',
  'The id or network of its subnet. Default: the one that has its addresses.': '預設：包含這些位址的子網路。',
  'The subnet of the machines that get the route: its id or network.': '取得此路由的機器所在的子網路。',
  'The subnet that it leads to: its id or network.': '路由通往的子網路。',
  'Deployed machines prefer the lowest. Leases have the routes in this order, without metrics. Default: 0.':
    '已部署的機器優先採用數值最小的路由。租約依此順序提供路由，不含成本。預設：0。',
  'Any word for its kind, such as 10g.': '以任何文字說明種類，例如 10g。',
  'The largest packet in it, in bytes: 552 to 65535. Default: 1500.':
    '其中最大的封包，以位元組計：552 到 65535。預設：1500。',
  'The name or id of its space; empty: none.': '所屬的空間；留空則無。',
  'The UUID or name of the rack that offers DHCP. Its host needs an address in each of these subnets.':
    '提供 DHCP 的機架控制器。其主機在每個子網路中都要有位址。',
  'The UUID or name of a second one, which has a cluster interface there.': '第二個機架控制器，在此有叢集介面。',
  'An XPath expression on the hardware as lshw shows it: the machines where it is true, or finds something, get the tag.':
    '套用於 lshw 硬體資訊的 XPath 運算式：結果為真或有符合項目的機器會加上此標籤。',
  'Its hardware address. Default: that of an interface it is made of.': '預設：組成它的介面的硬體位址。',
  'Its hardware address.': '它的硬體位址。',
  'Its largest frame in bytes.': '最大的訊框，以位元組計。',
  'Its tags.': '它的標籤。',
  'How often the bond checks its links, in milliseconds.': '多久檢查一次連線，以毫秒計。',
  'True: use the spanning tree protocol.': '使用擴展樹協定。',
  'The forward delay in seconds.': '轉送延遲，以秒計。',
  'How it gets an address there: auto (the region chooses one), static, dhcp, or link_up (none).':
    '取得位址的方式：auto (由區域控制器選擇)、static、dhcp，或 link_up (無)。',
  'The address of a static link. Default: a free one.': 'static 的位址。預設：可用的位址。',
  'True: replace all other links of the interface.': '取代此介面的其他所有連結。',
  "True: the subnet's router is the default gateway.": '以此子網路的路由器為預設閘道。',
  'Its model.': '它的型號。',
  'Its serial number, by which a deployment finds it.': '部署時以序號找到它。',
  "/dev/ and the kernel's name, by which a deployment finds a disk without a serial number.":
    '/dev/ 加上核心的裝置名稱，部署時以此找到沒有序號的磁碟。',
  'Its size in bytes, or with K, M, G or T.': '大小，以位元組計，或加上 K、M、G、T。',
  'Its size in bytes, or with K, M, G or T. Default: all that is free.':
    '大小，以位元組計，或加上 K、M、G、T。預設：全部可用空間。',
  'The bytes of a block. Default: 512.': '每個區塊的位元組數。預設：512。',
  'The bytes of a block.': '每個區塊的位元組數。',
  'The mount point: an absolute path; `none` for swap.': '掛載點：絕對路徑；swap 則為 none。',
  'The options of the mount, as in fstab.': '掛載選項，如同 fstab。',
  'The size of a partition for /boot. Default: none.': '/boot 分割區的大小。預設：無。',
  'The size of the partition of the root, or of the volume group. Default: all.':
    '根檔案系統分割區或磁碟區群組的大小。預設：全部。',
  'lvm: the name of the group; vgroot.': 'lvm：群組的名稱，預設 vgroot。',
  'lvm: the name of the volume; lvroot.': 'lvm：邏輯磁碟區的名稱，預設 lvroot。',
  'lvm: the size of the volume of the root. Default: all.': 'lvm：根檔案系統邏輯磁碟區的大小。預設：全部。',
};

const WEB_URL = '不含使用者名稱的 http 或 https URL';
const EXPRESSION = '最多 512 個字元的規則運算式';
const ASCII = '可列印的 ASCII 字元';

/** By the driver and the parameter's name. */
const PARAMETERS: Readonly<Record<string, { readonly label: string; readonly expects?: string }>> = {
  'ipmi power_address': {
    label: 'BMC 的位址',
    expects: '位址或名稱，連接埠不是 623 時也要填寫：10.0.0.5、bmc-7:6230、[fd00::5]:623',
  },
  'ipmi power_user': { label: '使用者', expects: '最多 16 個可列印的 ASCII 字元' },
  'ipmi power_pass': { label: '密碼', expects: '最多 20 個可列印的 ASCII 字元' },
  'ipmi power_driver': { label: '通訊協定：IPMI 2.0 或 1.5' },
  'ipmi power_boot_type': { label: '開機使用的韌體' },
  'ipmi power_off_mode': { label: '關機方式：BMC 不支援正常關機時用 hard' },
  'ipmi cipher_suite_id': { label: '加密套件' },
  'ipmi privilege_level': { label: '權限等級' },
  'ipmi k_g': {
    label: 'BMC 的金鑰 (K_g)',
    expects: '最多 20 個可列印的 ASCII 字元：其他金鑰只能當作 ipmitool 的引數，所有使用者都看得到',
  },
  'ipmi mac_address': { label: 'BMC 的硬體位址', expects: '六組十六進位數字，每組兩位' },
  'ipmi workaround_flags': { label: 'FreeIPMI 的旗標，ipmitool 不需要', expects: '以逗號分隔的名稱' },
  'virsh power_address': {
    label: '主機的 URI',
    expects: 'libvirt URI：qemu+ssh://user@host/system、qemu:///system、qemu+tls://host/system、test:///default',
  },
  'virsh power_id': {
    label: '虛擬機器的名稱',
    expects: '機器在該主機上的名稱或 UUID；名稱是數字時請用 UUID (virsh domuuid NAME)',
  },
  'virsh power_pass': {
    label: '密碼',
    expects: '僅用於 qemu+ssh:// 且主機不接受 `rackboot power key` 的金鑰時；最多 128 個可列印的字元',
  },
  'webhook power_on_uri': { label: '開啟電源的 URL (POST)', expects: WEB_URL },
  'webhook power_off_uri': { label: '關閉電源的 URL (POST)', expects: WEB_URL },
  'webhook power_query_uri': { label: '查詢狀態的 URL (GET)', expects: WEB_URL },
  'webhook power_on_regex': { label: '電源開啟時符合查詢回應的規則', expects: EXPRESSION },
  'webhook power_off_regex': { label: '電源關閉時符合查詢回應的規則', expects: EXPRESSION },
  'webhook power_user': { label: '使用者', expects: ASCII },
  'webhook power_pass': { label: '密碼', expects: ASCII },
  'webhook power_token': { label: '權杖，代替使用者與密碼', expects: ASCII },
  'webhook power_verify_ssl': { label: '檢查憑證' },
};

const machinesText = (count: number) => `${count} 台機器`;

export const TRADITIONAL_CHINESE: Translation = {
  happenings: HAPPENINGS_ZH,
  away: {
    next: (isRepeated) =>
      html`${isRepeated ? '本頁每 5 秒自動重試。' : ''}不需要重新啟動。請在區域控制器的主機上執行 <code>sudo rackboot status</code> 並查看日誌，以了解詳情。`,
  },
  signIn: {
    lead: html`有帳號的人才能查看此區域控制器的機器。`,
    failed: {
      'spent-link': html`此連結已使用過，或已超過 10 分鐘：<code>sudo rackboot page</code> 可再產生一個。`,
    },
    link: (username) => html`此連結讓這個瀏覽器以 <b>${username}</b> 的身分登入，限用一次。`,
    noAccount: (isApart, config) =>
      html`在${isApart ? '區域控制器的主機' : '機架控制器'}上，<code>sudo rackboot page${config}</code> 會產生免密碼登入的連結，<code>sudo rackboot createadmin --username NAME${config}</code> 會建立帳號。`,
  },
  forms: {
    hint: (description) => HINTS[description] ?? description,
    changedMeanwhile: (now) =>
      now === ''
        ? '其間已由他人或在其他分頁清空。再次儲存即可設定您的值。'
        : `其間已由他人或在其他分頁變更：${now}。再次儲存即以您的值取代。`,
  },
  values: {
    ago: (ms) => spanText(formatAge(ms)).replace('just now', '剛剛').replace(' ago', '前'),
    state: (status) => STATES[status],
    eventType: (type) => EVENT_TYPES[type],
    changed: ({ from, to }) => `由${STATES[from]}變為${STATES[to]}`,
  },
  machines: {
    pager: {
      range: (from, to, count) => (count === 0 ? '' : `${from}–${to}，共 ${count}`),
    },
    noneFits: {
      hint: (machines) => `${machinesText(machines)}都不符合。`,
    },
  },
  many: {
    heading: (action, count) => `${action}：${machinesText(count)}`,
    some: (able, total) => `${total} 台中有 ${able} 台納入；${total - able} 台排除，原因如下。`,
  },
  identity: {
    lead: (doubts) =>
      doubts === 0
        ? '沒有跡象顯示這台機器與另一台相同。'
        : '請判斷它們是否為同一台機器：比較硬體，然後合併或保持分開。',
  },
  overview: {
    further: {
      problem: (count) => `另有 ${machinesText(count)}有問題`,
      failing: (count) => `另有 ${machinesText(count)}開機失敗`,
      waiting: (count) => `另有 ${machinesText(count)}等待人員處理`,
    },
    moreWork: (count) => `另有 ${machinesText(count)}作業中`,
    first: {
      steps: {
        networks: (networks) =>
          networks.length === 0 ? '在機器所在的網路提供 DHCP。' : `已在 ${networks.join('、')} 提供 DHCP。`,
      },
    },
  },
  racks: {
    foreignServers: (servers) =>
      `有其他 DHCP 伺服器回應：${servers.join('、')}；機器可能採用它的位址而無法從這裡開機。請關閉它，或使用 proxy 模式`,
    join: {
      lead: (url) =>
        html`在其主機上執行 <code>sudo rackboot init --region ${url}</code>，即可加入此區域控制器。它會產生自己的金鑰，並在這裡等待接受。若使用管理員的 API 金鑰 (<a href="/MAAS/account/">建立一個</a>，只顯示一次)，則立即接受。`,
    },
  },
  rack: {
    keys: {
      own: html`自己的金鑰。若要更換，請在其主機上移除 <code>region.api_key_file</code> 的檔案並重新啟動；之後它會再次等待接受。`,
      of: (username) =>
        html`${username} 的 API 金鑰。若要更換，請在其主機的 <code>region.api_key_file</code> 放入另一個金鑰並重新啟動。`,
    },
    silent: {
      todo: html`它仍繼續服務已知的機器，恢復連線後會送回事件。請在其主機上執行 <code>sudo rackboot status</code>，確認是否執行中、能否連上區域控制器；<code>sudo journalctl -u rackboot -n 50</code> 會說明原因。`,
    },
    verbs: {
      accept: {
        effects: (address) => [
          '它會取得其網路的設定與機器，包括機密資料，區域控制器也會採信它的回報。',
          `它從 ${address} 註冊。請確認您認得這台主機，再接受。`,
        ],
      },
      reject: {
        effects: () => ['它不會取得任何資料，並維持拒絕狀態，直到刪除為止。'],
      },
      delete: {
        effects: () => [
          '區域控制器會移除它的資料，不再採信它。其網路中的機器會保留。',
          '若它仍在執行，會再次註冊並等待接受。',
        ],
      },
    },
  },
  machine: {
    locked: (systemId) => html`已鎖定。若要解除，請執行 <code>sudo rackboot machines unlock ${systemId}</code>。`,
    onTheRack: (machine) =>
      html`在機架控制器上：<code>sudo rackboot trace ${machine} --follow</code> 即時顯示每個步驟，<code>sudo rackboot why ${machine}</code> 顯示它現在會取得什麼。`,
  },
  waterfall: {
    dhcp: (client) => (client === undefined ? 'DHCP，執行中的系統' : `DHCP，${client}`),
    asked: (span) => `已要求 ${spanText(span)}`,
    file: (file, why) => (why === '' ? `取得 ${file}` : `取得 ${file}，因為它是 ${why}`),
    told: (purpose, state) => (state === undefined ? `指示：${purpose}` : `指示：${purpose}，因為狀態是 ${state}`),
  },
  layout: {
    heading: (task, object, machine) => (object === '' ? `${machine}：${task}` : `${machine}：${task} ${object}`),
    storage: {
      raid: (members, spares) => `RAID 1：${members}${spares === '' ? '' : `，備援 ${spares}`}`,
      use: (use) => use.toLowerCase(),
    },
  },
  facts: {
    uefi: (isSecure) => (isSecure ? 'UEFI，安全開機' : 'UEFI'),
  },
  logins: {
    keys: (isKnown, owner) =>
      `${isKnown ? '' : '以映像檔的第一個使用者或 root 登入；'}使用${owner === undefined ? '擁有者' : ` ${owner} `}的 SSH 金鑰，不用密碼`,
    hostKey: (key) => html`主機金鑰 ${key}`,
    with: (keys, username) =>
      `使用${username === '' ? '無人' : ` ${username} `}的${keys === 1 ? '金鑰' : ` ${keys} 個金鑰`}`,
    left: (time) => `剩餘 ${spanText(time)}`,
  },
  effects: {
    starts({ isSwitched, isOff }) {
      if (!isSwitched)
        return 'Rackboot 無法開啟它的電源：請將開機順序設為網路優先，並自行開機。時限從它的第一個要求起算。';
      const start = '電源驅動程式會讓它從網路開機';
      return isOff ? `${start}。` : `${start}；目前執行中的系統會停止。`;
    },
    ends({ isSwitched, isOff }) {
      if (isOff) return '它已經關機。';
      return isSwitched ? '它會關機。' : 'Rackboot 無法關閉它的電源：在您關機之前，它可能繼續執行。';
    },
    freed: ({ fqdn }) => `它的位址與 DNS 名稱${fqdn === '' ? '' : ` ${fqdn} `}會立即釋放。`,
    workStops: ({ state }) => `它的作業 (${state}) 會立即停止。`,
  },
  actionForms: {
    disks: {
      full: (size) => ({
        text: '完整抹除',
        meaning: `覆寫或捨棄所有資料，可能需要數小時${size === '' ? '' : ` (${size})`}。`,
      }),
    },
  },
  deploy: {
    noInstaller: (command) =>
      html`沒有適用的安裝程式。在機架控制器上執行 <code>${command}</code> 可加入 Debian 的安裝程式。`,
    noImage: (architecture) =>
      html`<b>沒有 ${architecture} 的映像檔。</b>在機架控制器上，<code>sudo rackboot images make-debian</code> 可製作一個，<code>sudo rackboot images add FILE</code> 可加入您自己的。`,
    noKey: (isYours, owner) =>
      html`<b>${isYours ? '您' : `${owner} `}還沒有 SSH 金鑰。</b>部署會遭拒絕，因為沒有人能登入：請先<a href="/MAAS/account/">新增金鑰</a>，或在機架控制器上執行 <code>sudo rackboot sshkeys add ~/.ssh/id_ed25519.pub --username ${owner}</code>。若沒有這個檔案，可在您的電腦上用 <code>ssh-keygen</code> 產生。`,
  },
  power: {
    driver: (driver) => (driver === 'manual' ? '手動' : driver === 'virsh' ? 'Virsh (虛擬機器)' : driverLabel(driver)),
    parameter: (driver, name) => PARAMETERS[`${driver} ${name}`] ?? parameterWords(driver, name),
    tasks: {
      query: {
        done: (machine, state, why = '') => {
          const states: Readonly<Record<string, string>> = { on: '已開啟', off: '已關閉', error: '無法檢查' };
          return `${machine} 的電源${states[state ?? ''] ?? '狀態不明'}${why === '' ? '' : `：${why}`}。`;
        },
      },
    },
  },
  networks: {
    vlan: (vid, name) =>
      vid === 0 ? '無標籤' : name === '' || name === String(vid) ? `VLAN ${vid}` : `${name} (${vid})`,
    mtu: (bytes) => (bytes === 1500 ? '' : `MTU ${bytes}`),
    leasedFor: (duration) => `剩餘 ${spanText(duration)}`,
    reserved: (ip) => `已保留${ip === '' ? '一個位址' : ` ${ip}`}。`,
  },
  networkObjects: {
    ranges: {
      loss: (isReserved) =>
        isReserved ? '其位址可再次分配給機器。' : '主機不再取得其中的位址。有機架控制器以它提供 DHCP 時，會拒絕刪除。',
    },
  },
  interfaces: {
    chooseFor: (cidr, count) =>
      count === 0
        ? `沒有機架控制器在 ${cidr} 中有位址：請給機架控制器的介面一個位址，或由中繼代理轉送要求。`
        : `選擇要在 ${cidr} 提供 DHCP 的機架控制器。`,
    enableIn: (cidr) => (cidr === '' ? '經由中繼代理啟用 DHCP' : `在 ${cidr} 啟用 DHCP`),
    by: (rack, nic, ip) =>
      nic === '' ? `${rack} 回應中繼代理轉送的要求。` : `${rack} 在 ${nic} 上回應，位址是 ${ip}。`,
    second: {
      answers: (nic, servers) =>
        `${nic} 上有另一部 DHCP 伺服器回應：${servers.join('、')}。同一網路有兩部伺服器提供位址，會干擾那裡的所有主機。請選擇 proxy，或關閉該伺服器；若兩部都要運作，請勾選。`,
    },
  },
  addressMap: {
    span: (first, last) => (first === last ? first : `${first} – ${last}`),
    of: (span, what, owner) => `${span}：${owner === '' ? what : `${owner} (${what})`}`,
  },
  images: {
    onDisk: (size) => `佔用磁碟 ${formatSize(size)}`,
    uses: (first, machines) => (machines === 1 ? first : `${first} 與其他 ${machinesText(machines - 1)}`),
    amount: (bytes, total) => (total === undefined ? formatSize(bytes) : `${formatSize(bytes)} / ${formatSize(total)}`),
    rate: (bytesPerSecond) => `${formatSize(bytesPerSecond)}/s`,
    left: (ms) => `剩餘 ${durationText(ms)}`,
    nextTry: (ms) => (ms <= 0 ? '正在重試' : `${durationText(ms)} 後重試`),
    resumes: (ms) => (ms <= 0 ? '正在繼續' : `${durationText(ms)} 後繼續`),
    run: {
      next: (ms) => (ms <= 0 ? '下次匯入現在開始。' : `下次匯入在 ${durationText(ms)} 後開始。`),
    },
    free: (bytes) => `其磁碟可用空間 ${formatSize(bytes)}。`,
    byHand: html`無法連到來源時：<code>sudo rackboot images make-debian</code> 在機架控制器上以 Debian 鏡像站的套件製作 Debian，約需十分鐘；<code>sudo rackboot images add FILE --os debian --release trixie</code> 加入您自己的映像檔。`,
    footer: html`在機架控制器上：<code>sudo rackboot images import</code>、<code>sudo rackboot images add</code>、<code>sudo rackboot images remove</code>。從任何地方：<code>rackboot images upload</code>。`,
    total: (size) => `需下載 ${formatSize(size)}`,
    startsBy: (ways) => (ways.length === 0 ? '不明' : ways.join('、')),
    cloudInit: (isThere) => (isThere ? 'cloud-init' : '其中找不到 cloud-init'),
    deleteWhat: (isImported) =>
      isImported
        ? '所有版本都會刪除。只要選取項目仍包含它，下次匯入就會再次取得：若要避免，請移除選取項目。'
        : '所有版本都會刪除。',
    deleteUsed: (machines) => `${machinesText(machines)}使用此系統；其磁碟不會變更。`,
  },
  choose: {
    example: (title, architecture, bytes) =>
      `例如 ${architecture} 的 ${title}${bytes === undefined ? '' : `，需下載 ${formatSize(bytes)}`}。`,
    fixed: (isTicked) => (isTicked ? '包含於選取項目' : '排除於選取項目'),
    saved: (changes) => (changes === 0 ? '沒有變更。' : `已儲存 ${changes} 項變更。下次匯入時套用。`),
  },
  upload: {
    lead: html`磁碟映像檔，或系統根目錄的封存檔，機器會以它作為系統。檔案必須在五分鐘內傳完。較大的檔案請用 <code>rackboot images upload</code> 分段傳送。`,
    kindOf: (type) => (type === 'squashfs' || type.startsWith('t') ? `${type}：系統根目錄` : `${type}：磁碟映像檔`),
  },
  sources: {
    shippedSource: (file) =>
      html`此來源是 Rackboot 的一部分。若要變更，請在 <code>${file}</code> 寫入同名的來源，即可取代。`,
    pinnedSelection: (file, line) => `寫在 ${file}${line === undefined ? '' : ` 第 ${line} 行`}：請在那裡移除。`,
    signed: {
      accepted: (count) => (count === 0 ? '已簽署' : `已簽署：${count} 個接受的金鑰`),
    },
    selectionAdded: (image, ms) =>
      `已選取 ${image}：${ms === undefined ? '沒有排程匯入' : `${ms <= 0 ? '現在' : `${durationText(ms)} 後`}的下次匯入會取得它`}。映像檔頁面的「立即匯入」可馬上開始。`,
    hasKeys: (bytes) => `有自己的金鑰 (${formatSize(bytes)})。新的金鑰會取代它們。`,
  },
  tags: {
    loss: (machines) => (machines === 0 ? '沒有機器使用它。' : `${machinesText(machines)}會失去此標籤及其核心參數。`),
  },
  scripts: {
    atMost: (time) => `最長 ${spanText(time)}`,
    tagged: (tags) => `標籤：${tags.join(', ')}`,
  },
  settings: {
    byDefault: (value) => (value === '' ? '預設' : `預設 (${value})`),
    writtenIn: ({ key, pin }) =>
      pin.kind === 'own' ? `寫在 ${pin.file} 的 ${key}` : `寫在機架控制器 ${pin.rack} 的設定檔的 ${key}`,
    footer: html`在命令列也能執行：<code>sudo rackboot config show</code> 與 <code>sudo rackboot config set</code>。`,
    saved: (labels) => `已儲存：${labels.join('、')}。`,
  },
  health: {
    more: html`在機架控制器的主機上執行 <code>sudo rackboot doctor --fix-hint</code>，會以機器的角度測試，並檢查該主機。`,
    upstream: (server, domain) =>
      domain === '' ? `${server} 沒有回應，開始於` : `${server} (用於 ${domain}) 沒有回應，開始於`,
    clockOff: (span) => `它的時鐘與區域控制器相差 ${spanText(span)}。`,
  },
  account: {
    apiKeyTimes: (made, used) => html`${made}建立 · ${used === undefined ? '尚未使用' : html`${used}使用`}`,
    footer: (username) =>
      html`供程式與命令列使用：在機架控制器上執行 <code>sudo rackboot apikey --username ${username}</code> 會產生 API 金鑰。`,
  },
  people: {
    changed: (username, isAdmin) => `${username} 現在是${isAdmin ? '管理員' : '使用者'}。`,
  },
  dns: {
    domains: {
      titleOf: (domain) => domain,
      loss: (names) =>
        names === 0
          ? '其中沒有名稱。機架控制器不再回應此網域的查詢。'
          : `其中有機器、裝置、記錄與保留位址的 ${names} 個名稱：請先移動或刪除它們。`,
    },
    loss: (record) => `不再提供 \`${record}\`。`,
  },
  listing: {
    found: (found, all) => (found === all ? String(all) : `${found} / ${all}`),
  },
  areas: {
    zone: {
      loss: (machines) =>
        machines === 0
          ? '其中沒有機器或裝置。其機架控制器會移至預設分區。'
          : `${machines} 台機器或裝置會移至預設分區，其機架控制器也一併移動。`,
    },
    pool: {
      loss: (machines) =>
        machines === 0 ? '其中沒有機器或裝置。' : `其中有 ${machines} 台機器或裝置。請先移至其他資源池。`,
    },
  },
};
