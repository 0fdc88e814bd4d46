// SPDX-License-Identifier: GPL-2.0-only

//! The firmware: its actions before and after QEMU executes an instruction.

use crate::answers::{Answer, Answers, Filter, Occasion, Rule, What};
use crate::clp::{self, Request};
use crate::event::{Event, Events, Information, INFORMATION_LEN};
use crate::function::{Availability, Fault, Function};
use crate::guest::{self, be16, Guest};
use crate::identity::Identity;
use crate::insn::{Insn, Op};
use crate::life::Lives;
use crate::profile;
use crate::sclp;
use crate::sriov::{self, Change, Sriov};
use crate::words::Words;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

/// The number of the address space that config space is.
const CONFIG_SPACE: u8 = 15;
const STACK_POINTER: usize = 15;

/// Whether QEMU must execute the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Execute,
    /// QEMU must skip the instruction: the plugin has given the guest the answer.
    Answered,
}

/// A channel report word of a subchannel, with the bit that says that later reports were lost.
const OVERFLOW: u32 = 0x2304_0000;

/// Work that remains after an instruction.
enum After {
    Report(u64),
    Set(Request, u16),
    Query(Request),
    List(Request),
    Information(u64),
    Service(u32, u64),
    /// Put the guest's handle back into this register, and the guest's value of a store to config
    /// space into another: QEMU may have got other ones.
    Handle(usize, u32, Insn, Option<u64>),
}

/// Behaviours that can be switched on and off.
#[derive(Clone, Copy, Default)]
struct Settings {
    /// A handle changes with each enable and each disable.
    handles: bool,
    /// The plugin enforces the architecture's error states, which QEMU does not.
    states: bool,
    /// A function in error is disabled already, as for a guest of z/VM.
    zvm: bool,
    /// An enable resets the inside of the device: config space is as after power-on.
    inside: bool,
    /// The platform takes reports about recoveries from the guest.
    notifications: bool,
}

/// The change of a function that an event brings.
enum State {
    Unchanged,
    Fault(Fault),
    Availability(Availability),
}

impl State {
    fn parse(name: &str) -> Result<Self, String> {
        match name {
            "none" => Ok(State::Unchanged),
            "error" => Ok(State::Fault(Fault::Error)),
            "permanent" => Ok(State::Fault(Fault::Permanent)),
            name => Availability::parse(name)
                .map(State::Availability)
                .ok_or_else(|| format!("there is no state {name}")),
        }
    }

    /// The change that an event with this code brings.
    fn after(event: &Event) -> Self {
        match event.pec {
            0x0301 => State::Availability(Availability::Configured),
            0x0302 | 0x0304 => State::Availability(Availability::Standby),
            0x0308 => State::Availability(Availability::Reserved),
            _ if !event.is_error() || event.is_measurement() => State::Unchanged,
            _ if event.is_permanent() => State::Fault(Fault::Permanent),
            _ => State::Fault(Fault::Error),
        }
    }
}

/// The function for which QEMU raises events when the plugin asks; it is hidden from the guest.
pub struct Bell {
    pub fid: u32,
    /// Returns when QEMU has raised the event.
    pub ring: Box<dyn FnMut() -> std::io::Result<()> + Send>,
}

pub struct Platform {
    functions: BTreeMap<u16, Function>,
    settings: Settings,
    answers: Answers,
    lives: Lives,
    events: Events,
    /// How many more channel reports are to be lost.
    lost_reports: u32,
    counts: HashMap<Occasion, u64>,
    /// The key is the address of the next instruction and the stack pointer. The guest may run
    /// another thread in between, which executes instructions, too.
    after: HashMap<(u64, u64), After>,
    bell: Bell,
    log: Box<dyn FnMut(&str) + Send>,
    started: Vec<String>,
}

impl Platform {
    pub fn new(bell: Bell, log: Box<dyn FnMut(&str) + Send>) -> Self {
        Platform {
            functions: BTreeMap::new(),
            settings: Settings::default(),
            answers: Answers::default(),
            lives: Lives::default(),
            events: Events::default(),
            lost_reports: 0,
            counts: HashMap::new(),
            after: HashMap::new(),
            bell,
            log,
            started: Vec::new(),
        }
    }

    /// Switches a profile and further behaviours on. `reset` returns to these behaviours.
    pub fn start(&mut self, name: &str, more: &[String]) -> Result<(), String> {
        let mut commands = profile::commands(name)?;
        commands.extend_from_slice(more);
        self.behave(&commands)?;
        self.started = commands;
        Ok(())
    }

    /// Switches everything off, and then executes the commands.
    fn behave(&mut self, commands: &[String]) -> Result<(), String> {
        self.settings = Settings::default();
        self.answers.forget();
        self.lives.forget();
        self.events.forget();
        self.lost_reports = 0;
        for function in self.functions.values_mut() {
            function.fault = Fault::None;
            function.as_qemu_has_it();
            function.make_single();
        }
        for line in commands {
            self.command(line).map_err(|e| format!("{line}: {e}"))?;
        }
        Ok(())
    }

    fn say(&mut self, text: std::fmt::Arguments<'_>) {
        (self.log)(&text.to_string());
    }

    /// Reports a mistake, for which the whole run fails.
    pub fn complain(&mut self, text: &str) {
        self.say(format_args!("error: {text}"));
    }

    /// Executes a command. Returns its answer, a line of text.
    pub fn command(&mut self, line: &str) -> Result<String, String> {
        let mut words = Words::new(line);
        let mut answer = String::new();
        match words.next()? {
            "handles" => self.settings.handles = words.switch()?,
            "states" => self.settings.states = words.switch()?,
            "zvm" => self.settings.zvm = words.switch()?,
            "inside" => self.settings.inside = words.switch()?,
            "notifications" => self.settings.notifications = words.switch()?,
            "answer" => {
                let rule = Rule::parse(&mut words)?;
                self.answers.add(rule);
            }
            "after-enable" => self.lives.parse(&mut words)?,
            "event" => self.raise(&mut words)?,
            "lose-report" => self.lost_reports += words.number("times")?.unwrap_or(1),
            "availability" => {
                let renew = self.settings.handles;
                let function = self.by_fid(&mut words)?;
                let name = words.next()?;
                let availability = Availability::parse(name)
                    .ok_or_else(|| format!("a function is never {name}"))?;
                function.becomes(availability, renew);
            }
            "identity" => {
                let function = self.by_fid(&mut words)?;
                function.make_single();
                function.identity = Identity::parse(&mut words)?;
            }
            "sriov" => self.split(&mut words)?,
            "text" => answer = self.by_fid(&mut words)?.notification.clone(),
            "count" => {
                let filter = Filter::parse(&mut words)?;
                let all = self.counts.iter();
                let matching = all.filter(|(occasion, _)| filter.matches(occasion));
                answer = matching.map(|(_, count)| count).sum::<u64>().to_string();
            }
            "show" => {
                let function = self.by_fid(&mut words)?;
                write!(
                    answer,
                    "fh=0x{:08x} availability={:?} fault={:?} blocked={} unblocked={}",
                    function.handle(),
                    function.availability(),
                    function.fault,
                    function.blocked,
                    function.unblocked
                )
                .map_err(|e| e.to_string())?;
            }
            "handle" => {
                let function = self.by_fid(&mut words)?;
                answer = function.handle().to_string();
            }
            "repair" => self.by_fid(&mut words)?.fault = Fault::None,
            "forget" => {
                self.answers.forget();
                self.lives.forget();
            }
            "profile" => self.behave(&profile::commands(words.next()?)?)?,
            "reset" => self.behave(&self.started.clone())?,
            verb => return Err(format!("there is no command {verb}")),
        }
        words.end()?;
        self.say(format_args!("command: {}", line.trim()));
        Ok(answer)
    }

    fn by_fid(&mut self, words: &mut Words<'_>) -> Result<&mut Function, String> {
        let fid = words.number("fid")?.ok_or("fid is missing")?;
        let mut all = self.functions.values_mut();
        all.find(|function| function.fid == fid)
            .ok_or_else(|| format!("there is no function 0x{fid:x}"))
    }

    /// Parses and executes `sriov fid=N pchid=N vf=N [vf=N]... [configured]`.
    fn split(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let physical: u32 = words.number("fid")?.ok_or("fid is missing")?;
        let pchid: u16 = words.number("pchid")?.ok_or("pchid is missing")?;
        let mut fids = Vec::new();
        while let Some(fid) = words.number::<u32>("vf")? {
            fids.push(fid);
        }
        let come = match words.flag("configured") {
            true => Availability::Configured,
            false => Availability::Standby,
        };
        let mut identities = vec![(physical, format!("physfn=1 rid=0 pchid={pchid}"))];
        for (index, fid) in (0u16..).zip(&fids) {
            let (rid, vfn) = (sriov::FIRST + index, index + 1);
            identities.push((*fid, format!("vfn={vfn} rid={rid} pchid={pchid}")));
        }
        let renew = self.settings.handles;
        let mut sriov = Some(Sriov::new(fids, come));
        for (fid, identity) in identities {
            let function = self.by_fid(&mut Words::new(&format!("fid={fid}")))?;
            function.make_single();
            function.identity = Identity::parse(&mut Words::new(&identity))?;
            function.sriov = sriov.take();
            function.is_virtual = fid != physical;
            if function.is_virtual {
                function.becomes(Availability::Reserved, renew);
            }
        }
        Ok(())
    }

    /// Enables or disables virtual functions; a disabled one goes as if firmware took it away.
    fn change(&mut self, physical: u32, change: Change) {
        let renew = self.settings.handles;
        let mut all = self.functions.values();
        let Some(sriov) = all.find_map(|f| f.sriov.as_ref().filter(|_| f.fid == physical)) else {
            return;
        };
        let (fids, come) = (sriov.fids.clone(), sriov.come);
        let number = match change {
            Change::Come(number) => number,
            Change::Go => fids.len(),
        };
        self.say(format_args!(
            "virtual functions of {physical:x}: {change:?}"
        ));
        for fid in &fids[..number] {
            let mut all = self.functions.values_mut();
            let Some(function) = all.find(|function| function.fid == *fid) else {
                continue;
            };
            let (pec, now) = match (change, function.availability()) {
                (Change::Come(_), _) if come == Availability::Configured => (0x0301, come),
                (Change::Come(_), _) => (0x0302, come),
                (Change::Go, Some(Availability::Reserved)) => continue,
                (Change::Go, Some(Availability::Standby)) => (0x0308, Availability::Reserved),
                (Change::Go, _) => (0x0304, Availability::Reserved),
            };
            function.becomes(now, renew);
            self.events.push(Event {
                pec,
                fid: *fid,
                fh: function.handle(),
                ..Event::default()
            });
        }
        self.ring();
    }

    /// The guest has the report when its next instruction runs: its clock may not run on before, as
    /// with `-icount` a guest that only waits is at its time limit at once.
    fn ring(&mut self) {
        if let Err(error) = (self.bell.ring)() {
            self.complain(&format!("the bell does not ring: {error}"));
        }
    }

    /// Parses and executes `event pec=N [fid=N] [faddr=N] [kind=N] [fh=N] [state=STATE] [hold]`.
    fn raise(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let pec = words.number("pec")?.ok_or("pec is missing")?;
        let fid = words.number("fid")?.unwrap_or(0);
        let address = words.number("faddr")?.unwrap_or(0);
        let kind = words.number("kind")?.unwrap_or(0);
        let fh = words.number("fh")?;
        let state = words.value("state");
        let hold = words.flag("hold");
        let mut event = Event {
            pec,
            fid,
            fh: fh.unwrap_or(0),
            kind,
            address,
        };
        let state = match state {
            Some(name) => State::parse(name)?,
            None => State::after(&event),
        };
        let renew = self.settings.handles;
        let mut all = self.functions.values_mut();
        match all.find(|function| function.fid == fid) {
            Some(function) => {
                match state {
                    State::Unchanged => {}
                    State::Fault(fault) => function.fault = fault,
                    State::Availability(availability) => function.becomes(availability, renew),
                }
                event.fh = fh.unwrap_or(function.handle());
            }
            // An event may name no function.
            None if fh.is_none() && fid != 0 => {
                return Err(format!("there is no function 0x{fid:x}"))
            }
            None => {}
        }
        self.events.push(event);
        if !hold {
            self.ring();
        }
        Ok(())
    }

    /// Called before QEMU executes an instruction. Returns a delay, and whether QEMU is to execute
    /// it.
    pub fn before(&mut self, guest: &mut dyn Guest, insn: &Insn) -> (Duration, Verdict) {
        match insn.op {
            Op::Clp => self.before_clp(guest, insn),
            Op::Chsc => {
                let address = guest.register(insn.first());
                let mut request = [0; 16];
                if guest.read(address, &mut request) && be16(&request, 2) == 0x000e {
                    self.count(What::Event, 0, 0);
                    self.then(guest, insn, After::Information(address + 16));
                }
                (Duration::ZERO, Verdict::Execute)
            }
            Op::Servc => {
                self.count(What::Service, 0, 0);
                let command = guest.register(insn.first()) as u32;
                let address = guest.register(insn.second());
                self.then(guest, insn, After::Service(command, address));
                (Duration::ZERO, Verdict::Execute)
            }
            Op::Stcrw => {
                self.count(What::Report, 0, 0);
                let address = insn.address(|number| guest.register(number));
                self.then(guest, insn, After::Report(address));
                (Duration::ZERO, Verdict::Execute)
            }
            Op::Call => (Duration::ZERO, Verdict::Execute),
            Op::Load
            | Op::Store
            | Op::StoreBlock
            | Op::Modify
            | Op::StoreControls
            | Op::Refresh => self.before_handle(guest, insn),
        }
    }

    fn count(&mut self, what: What, fid: u32, detail: u8) -> Occasion {
        let occasion = Occasion { what, fid, detail };
        *self.counts.entry(occasion).or_default() += 1;
        occasion
    }

    fn then(&mut self, guest: &dyn Guest, insn: &Insn, after: After) {
        let place = (insn.next(), guest.register(STACK_POINTER));
        if self.after.insert(place, after).is_some() {
            self.complain(&format!(
                "the end of an instruction at {:x} was not seen",
                insn.pc
            ));
        }
    }

    fn by_handle(&mut self, handle: u32) -> Option<&mut Function> {
        self.functions.get_mut(&(handle as u16))
    }

    fn before_clp(&mut self, guest: &mut dyn Guest, insn: &Insn) -> (Duration, Verdict) {
        let Some(request) = Request::read(guest, guest.register(insn.second())) else {
            return (Duration::ZERO, Verdict::Execute);
        };
        let what = match (request.command, request.operation) {
            (clp::LIST, _) => What::List,
            (clp::QUERY, _) => What::Query,
            (clp::SET, clp::ENABLE) => What::Enable,
            (clp::SET, clp::DISABLE) => What::Disable,
            _ => return (Duration::ZERO, Verdict::Execute),
        };
        let named = matches!(what, What::Query | What::Enable | What::Disable);
        let fid = match self.by_handle(request.handle) {
            Some(function) if named => function.fid,
            _ => 0,
        };
        let occasion = self.count(what, fid, 0);
        let (delay, answer) = self.answers.ask(&occasion);
        let answer = match answer {
            Some(Answer::Response(code)) => Some(code),
            _ if named => self.refuses_clp(&request, what),
            _ => None,
        };
        if let Some(code) = answer {
            self.say(format_args!(
                "{what:?} {:08x}: response {code:04x}",
                request.handle
            ));
            request.set_response(guest, code);
            guest.set_condition_code(0);
            return (delay, Verdict::Answered);
        }
        let index = request.handle as u16;
        if let Some(function) = self.by_handle(request.handle).filter(|_| named) {
            let qemu = function.qemu_handle();
            let taken = function.is_taken();
            function.changing += u32::from(what != What::Query);
            request.set_handle(guest, qemu);
            // QEMU still has the function enabled, so the guest's enable becomes the disable that
            // QEMU has missed.
            if taken && what == What::Enable {
                request.set_operation(guest, clp::DISABLE);
            }
        }
        let after = match what {
            What::List => After::List(request),
            What::Query => After::Query(request),
            _ => After::Set(request, index),
        };
        self.then(guest, insn, after);
        (delay, Verdict::Execute)
    }

    /// The response code with which firmware refuses a CLP request that QEMU would accept.
    fn refuses_clp(&mut self, request: &Request, what: What) -> Option<u16> {
        let strict = self.settings.states;
        let function = self.by_handle(request.handle)?;
        if function.handle() != request.handle {
            return Some(clp::BAD_HANDLE);
        }
        match (what, function.availability()) {
            (_, Some(Availability::Reserved)) => return Some(clp::BAD_HANDLE),
            (What::Enable, Some(Availability::Standby)) => return Some(clp::BAD_OPERATION),
            _ => {}
        }
        match what {
            What::Query => None,
            What::Disable if function.is_taken() => Some(clp::ALREADY),
            _ if function.fault == Fault::Permanent => Some(clp::PERMANENT),
            What::Enable if strict && function.is_enabled() => Some(clp::ALREADY),
            What::Disable if strict && !function.is_enabled() => Some(clp::ALREADY),
            _ => None,
        }
    }

    fn before_handle(&mut self, guest: &mut dyn Guest, insn: &Insn) -> (Duration, Verdict) {
        let register = insn.handle_register();
        let controls = guest.register(register);
        let handle = (controls >> 32) as u32;
        let space = (controls >> 16) as u8 & 15;
        let (what, detail) = match insn.op {
            Op::Load => (What::Load, space),
            Op::Store => (What::Store, space),
            Op::StoreBlock => (What::Block, space),
            Op::Modify => (What::Modify, controls as u8),
            Op::StoreControls => (What::Controls, 0),
            _ => (What::Refresh, 0),
        };
        let strict = self.settings.states;
        let fid = self.by_handle(handle).map_or(0, |function| function.fid);
        let occasion = self.count(what, fid, detail);
        let (delay, answer) = self.answers.ask(&occasion);
        let mut answered = match answer {
            Some(Answer::Code(code, status)) => Some((code, status)),
            Some(Answer::Ones) => Some(silent(guest, insn, what)),
            _ => None,
        };
        if let (None, Some(function)) = (answered, self.by_handle(handle)) {
            answered = match what {
                _ if function.handle() != handle || function.is_taken() => Some((3, 0)),
                What::Load | What::Store | What::Block => match function.fault {
                    Fault::Silent => Some(silent(guest, insn, what)),
                    _ => function.refuses_access(),
                },
                What::Modify => function.refuses_modify(detail, strict),
                What::Controls if function.fault == Fault::Permanent => {
                    Some((1, crate::function::PERMANENT))
                }
                What::Controls => None,
                _ => function.refuses_refresh(),
            };
        }
        if let Some((code, status)) = answered {
            if code != 0 {
                self.say(format_args!(
                    "{what:?} {detail} {handle:08x}: cc {code} status {status}"
                ));
            }
            guest.set_condition_code(code);
            if code == 1 {
                guest::set_status(guest, register, status);
            }
            return (delay, Verdict::Answered);
        }
        let is_config = space == CONFIG_SPACE && matches!(what, What::Load | What::Store);
        if is_config && self.answers_config(guest, insn, handle) {
            guest.set_condition_code(0);
            return (delay, Verdict::Answered);
        }
        if let Some(function) = self.by_handle(handle) {
            let is_store = is_config && what == What::Store;
            let stores = is_store.then(|| store_config(guest, insn, function));
            guest::set_upper(guest, register, function.qemu_handle());
            self.then(guest, insn, After::Handle(register, handle, *insn, stores));
        }
        (delay, Verdict::Execute)
    }

    /// Executes a load or store in the SR-IOV capability; returns false for other places.
    fn answers_config(&mut self, guest: &mut dyn Guest, insn: &Insn, handle: u32) -> bool {
        let (offset, len) = config_operand(guest, insn);
        let Some(function) = self.by_handle(handle) else {
            return false;
        };
        let fid = function.fid;
        let Some(sriov) = function.sriov.as_mut().filter(|_| offset >= sriov::AT) else {
            return false;
        };
        if insn.op == Op::Load {
            let mut raw = [0; 8];
            sriov.load(offset, &mut raw[8 - len..]);
            guest.set_register(insn.first(), u64::from_be_bytes(raw));
        } else {
            let raw = guest.register(insn.first()).to_be_bytes();
            if let Some(change) = sriov.store(offset, &raw[8 - len..]) {
                self.change(fid, change);
            }
        }
        true
    }

    /// Called at each address behind an instruction: does the work that remains, if any.
    pub fn after(&mut self, guest: &mut dyn Guest, pc: u64) {
        let place = (pc, guest.register(STACK_POINTER));
        match self.after.remove(&place) {
            None => {}
            Some(After::Set(request, index)) => self.after_set(guest, &request, index),
            Some(After::Report(address)) => self.after_report(guest, address),
            Some(After::Query(request)) => self.after_query(guest, &request),
            Some(After::List(request)) => self.after_list(guest, &request),
            Some(After::Information(address)) => self.after_information(guest, address),
            Some(After::Service(command, address)) => self.after_service(guest, command, address),
            Some(After::Handle(register, handle, insn, stores)) => {
                guest::set_upper(guest, register, handle);
                if let Some(value) = stores {
                    guest.set_register(insn.first(), value);
                }
                self.after_handle(guest, register, handle, &insn);
            }
        }
    }

    fn after_report(&mut self, guest: &mut dyn Guest, address: u64) {
        if guest.condition_code() == 0 && self.lost_reports > 0 {
            self.lost_reports -= 1;
            guest.write(address, &OVERFLOW.to_be_bytes());
            self.say(format_args!("a channel report is lost"));
        }
    }

    fn after_query(&mut self, guest: &mut dyn Guest, request: &Request) {
        request.set_handle(guest, request.handle);
        let ok = request.response(guest) == clp::OK;
        let Some(function) = self.by_handle(request.handle).filter(|_| ok) else {
            return;
        };
        if !function.identity.is_as_qemu_has_it() {
            request.change_query(guest, |answer| function.identity.put(answer));
        }
    }

    fn after_set(&mut self, guest: &mut dyn Guest, request: &Request, index: u16) {
        let (settings, disable) = (self.settings, request.operation == clp::DISABLE);
        request.set_handle(guest, request.handle);
        let response = request.response(guest);
        let qemu = request.new_handle(guest);
        let Some(function) = self.functions.get_mut(&index) else {
            return;
        };
        function.changing -= 1;
        let mut told = response;
        if function.is_taken() && !disable {
            request.set_operation(guest, request.operation);
            if response == clp::OK {
                function.set_handle(qemu, false);
            }
            told = clp::BUSY;
            request.set_response(guest, told);
        } else if response == clp::OK {
            if disable && settings.zvm && function.is_in_error() {
                told = clp::ALREADY;
            }
            function.set_handle(qemu, settings.handles);
            function.begins_anew();
            request.set_new_handle(guest, function.handle());
            if told != response {
                request.set_response(guest, told);
            }
            if !disable && settings.inside {
                let fid = function.fid;
                function.config.power_on();
                if let Some(sriov) = &mut function.sriov {
                    sriov.power_on();
                }
                self.count(What::Inside, fid, 0);
            }
            if !disable {
                self.begin_life(index);
            }
        }
        let now = self.functions[&index].handle();
        self.say(format_args!(
            "{} {:08x}: response {told:04x}, now {now:08x}",
            if disable { "Disable" } else { "Enable" },
            request.handle
        ));
    }

    /// Called when a function was enabled: sets the fault and raises the event of a matching rule.
    fn begin_life(&mut self, index: u16) {
        let Some(function) = self.functions.get_mut(&index) else {
            return;
        };
        let Some(life) = self.lives.next(function.fid) else {
            return;
        };
        function.fault = life.fault;
        if let Some(pec) = life.pec {
            self.events.push(Event {
                pec,
                fh: function.handle(),
                fid: function.fid,
                ..Event::default()
            });
            self.ring();
        }
    }

    fn after_list(&mut self, guest: &mut dyn Guest, request: &Request) {
        if request.response(guest) != clp::OK {
            return;
        }
        let (renew, bell) = (self.settings.handles, self.bell.fid);
        request.change_list(guest, |entry| {
            if entry.fid() == bell {
                return false;
            }
            let qemu = entry.handle();
            let function = self.learn(qemu, entry.fid());
            if function.changing == 0 && function.qemu_handle() != qemu {
                function.set_handle(qemu, renew);
            }
            entry.set_handle(function.handle());
            match function.availability() {
                None => {}
                Some(Availability::Reserved) => return false,
                Some(now) => entry.set_configured(now == Availability::Configured),
            }
            true
        });
    }

    /// Returns the function with this QEMU handle. After an unplug it may be a new function.
    fn learn(&mut self, qemu: u32, fid: u32) -> &mut Function {
        let index = qemu as u16;
        if self.functions.get(&index).is_some_and(|f| f.fid != fid) {
            self.functions.remove(&index);
        }
        self.functions
            .entry(index)
            .or_insert_with(|| Function::new(fid, qemu))
    }

    fn after_information(&mut self, guest: &mut dyn Guest, address: u64) {
        let mut raw = [0; INFORMATION_LEN];
        if !guest.read(address, &mut raw) {
            return;
        }
        let mut information = Information(&mut raw);
        let own = self.events.tell(&mut information, self.bell.fid);
        if own.is_none() && information.is_pci() {
            let (qemu, fid) = (information.fh(), information.fid());
            if qemu != 0 {
                let change = information.is_change();
                let function = self.learn(qemu, fid);
                if change {
                    function.as_qemu_has_it();
                }
                let fh = function.with_instance(qemu);
                information.set_fh(fh);
            }
        }
        if information.is_pci() {
            let (pec, fid, fh) = (information.pec(), information.fid(), information.fh());
            let whose = if own.is_some() { "own" } else { "QEMU's" };
            self.say(format_args!(
                "Event, {whose}: pec {pec:04x} fid {fid:x} fh {fh:08x}"
            ));
        }
        guest.write(address, &raw);
    }

    /// Called after a service call. The guest reads the block only after it has released a lock, so
    /// it sees the changes that this makes.
    fn after_service(&mut self, guest: &mut dyn Guest, command: u32, address: u64) {
        let Some(block) = sclp::Block::read(guest, address) else {
            return;
        };
        match command {
            sclp::CONFIGURE_PCI => self.after_configure(guest, &block),
            sclp::DECONFIGURE_PCI if block.response() == sclp::DONE => {
                let mut all = self.functions.values_mut();
                if let Some(function) = all.find(|function| function.fid == block.fid()) {
                    // A function that was configured again has no fault.
                    function.fault = Fault::None;
                    function.as_qemu_has_it();
                }
            }
            sclp::WRITE_EVENT_MASK
                if self.settings.notifications && block.response() == sclp::DONE =>
            {
                block.offer(guest)
            }
            sclp::WRITE_EVENT_DATA if self.settings.notifications => {
                if let Some(notification) = block.notification() {
                    block.accept(guest);
                    self.note(notification);
                }
            }
            _ => {}
        }
    }

    fn after_configure(&mut self, guest: &mut dyn Guest, block: &sclp::Block) {
        let mut all = self.functions.values_mut();
        let Some(function) = all.find(|function| function.fid == block.fid()) else {
            return;
        };
        match function.availability() {
            Some(Availability::Standby) => {
                function.as_qemu_has_it();
                block.set_response(guest, sclp::DONE);
            }
            Some(Availability::Reserved) => block.set_response(guest, sclp::RESERVED),
            Some(Availability::Configured) | None => {}
        }
    }

    fn note(&mut self, notification: sclp::Notification) {
        let sclp::Notification { fh, fid, text } = notification;
        self.count(What::Notification, fid, 0);
        let mut lines = text.lines();
        let first = [lines.next(), lines.next()].map(|line| line.unwrap_or("-"));
        self.say(format_args!("Notification {fh:08x}: {}", first.join(", ")));
        let mut all = self.functions.values_mut();
        if let Some(function) = all.find(|function| function.fid == fid) {
            function.notification = text;
        }
    }

    fn after_handle(&mut self, guest: &mut dyn Guest, register: usize, handle: u32, insn: &Insn) {
        let controls = guest.register(register);
        let code = guest.condition_code();
        if code != 0 {
            let (op, status) = (insn.op, guest::status(guest, register));
            self.say(format_args!(
                "{op:?} {controls:016x}: QEMU's cc {code} status {status}"
            ));
        }
        let Some(function) = self.by_handle(handle) else {
            return;
        };
        match insn.op {
            Op::Modify => {
                let told = function.modified(controls as u8, code);
                guest.set_condition_code(told);
            }
            Op::StoreControls if code == 0 => {
                let at = insn.address(|number| guest.register(number)) + 8;
                let mut byte = [0];
                if guest.read(at, &mut byte) {
                    guest.write(at, &[function.controls(byte[0])]);
                }
            }
            Op::Load | Op::Store | Op::StoreBlock if code == 1 => {
                if guest::status(guest, register) == crate::function::BLOCKED {
                    function.blocked = true;
                    function.unblocked = false;
                }
            }
            Op::Load if code == 0 && (controls >> 16) as u8 & 15 == CONFIG_SPACE => {
                let (offset, len) = (guest.register(register + 1), controls as usize & 15);
                let mut bytes = guest.register(insn.first()).to_be_bytes();
                if let Some(at) = bytes.len().checked_sub(len) {
                    function.config.load(offset, &mut bytes[at..]);
                    if function.is_virtual {
                        sriov::header::hide(offset, &mut bytes[at..]);
                    }
                }
                guest.set_register(insn.first(), u64::from_be_bytes(bytes));
            }
            _ => {}
        }
    }
}

/// Returns the offset in config space and the length of a load or store.
fn config_operand(guest: &dyn Guest, insn: &Insn) -> (u64, usize) {
    let len = guest.register(insn.handle_register()) as usize & 15;
    (guest.register(insn.second() + 1), len.min(8))
}

/// Notes a store to config space, and changes it to the value that QEMU must get. Returns the
/// guest's value, which the register must have afterwards.
fn store_config(guest: &mut dyn Guest, insn: &Insn, function: &mut Function) -> u64 {
    let (offset, len) = config_operand(guest, insn);
    let value = guest.register(insn.first());
    let mut raw = value.to_be_bytes();
    function.config.store(offset, len);
    if function.is_virtual {
        sriov::header::set(offset, &mut raw[8 - len..]);
        guest.set_register(insn.first(), u64::from_be_bytes(raw));
    }
    value
}

/// A load from a silent function returns all ones; a store to it has no effect.
fn silent(guest: &mut dyn Guest, insn: &Insn, what: What) -> (u8, u8) {
    if what == What::Load {
        let len = guest.register(insn.handle_register()) & 15;
        let ones = match len {
            8.. => u64::MAX,
            len => (1 << (8 * len)) - 1,
        };
        guest.set_register(insn.first(), ones);
    }
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::be32;
    use crate::guest::fake::{FakeGuest, MEMORY};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    const BELL: u32 = 0xbe11;
    const CLP: [u8; 6] = [0xb9, 0xa0, 0x00, 0x02, 0, 0];
    const LOAD: [u8; 6] = [0xb9, 0xd2, 0x00, 0x64, 0, 0];
    const STORE: [u8; 6] = [0xb9, 0xd0, 0x00, 0x64, 0, 0];
    const MODIFY: [u8; 6] = [0xe3, 0x40, 0x20, 0x00, 0x00, 0xd0];
    const CONTROLS: [u8; 6] = [0xe3, 0x40, 0x20, 0x00, 0x00, 0xd4];
    const REFRESH: [u8; 6] = [0xb9, 0xd3, 0x00, 0x48, 0, 0];
    const CHSC: [u8; 6] = [0xb2, 0x5f, 0x00, 0x20, 0, 0];
    const STCRW: [u8; 6] = [0xb2, 0x39, 0x20, 0x00, 0, 0];
    const SERVC: [u8; 6] = [0xb2, 0x20, 0x00, 0x12, 0, 0];

    /// A platform, its guest, and QEMU's state.
    struct Machine {
        platform: Platform,
        guest: FakeGuest,
        rings: Arc<AtomicUsize>,
        log: Arc<Mutex<String>>,
        qemu: u32,
        /// QEMU's condition code and status for loads, stores and the like.
        code: (u8, u8),
    }

    impl Machine {
        fn new(behaviours: &[&str]) -> Self {
            let rings = Arc::new(AtomicUsize::new(0));
            let log = Arc::new(Mutex::new(String::new()));
            let (ringing, logging) = (rings.clone(), log.clone());
            let bell = Bell {
                fid: BELL,
                ring: Box::new(move || {
                    ringing.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }),
            };
            let log_line = move |text: &str| {
                let mut all = logging.lock().unwrap();
                *all += text;
                *all += "\n";
            };
            let mut platform = Platform::new(bell, Box::new(log_line));
            let behaviours: Vec<_> = behaviours.iter().map(|s| s.to_string()).collect();
            platform.start("plain", &behaviours).unwrap();
            let mut machine = Machine {
                platform,
                guest: FakeGuest::new(),
                rings,
                log,
                qemu: 0x0002_0000,
                code: (0, 0),
            };
            machine.list();
            machine
        }

        /// Executes an instruction; `qemu` stands for QEMU's execution of it.
        fn execute(&mut self, bytes: [u8; 6], qemu: impl FnOnce(&mut FakeGuest)) -> Verdict {
            let insn = Insn::decode(0x1000, bytes).unwrap();
            let (_, verdict) = self.platform.before(&mut self.guest, &insn);
            if verdict == Verdict::Execute {
                qemu(&mut self.guest);
            }
            self.platform.after(&mut self.guest, insn.next());
            verdict
        }

        fn put32(guest: &mut FakeGuest, at: usize, value: u32) {
            guest.memory[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }

        /// Returns the handle in the guest's list, which has function 1 and not the bell.
        fn list(&mut self) -> u32 {
            let (handle, configured) = self.listed().expect("function 1");
            assert!(configured);
            handle
        }

        /// Returns the handle of function 1 in the list, and whether it is configured; none if the
        /// list does not have it.
        fn listed(&mut self) -> Option<(u32, bool)> {
            self.guest.registers[2] = MEMORY;
            self.guest.memory.fill(0);
            Self::put32(&mut self.guest, 0, 32 << 16 | 2);
            let qemu = self.qemu;
            self.execute(CLP, |guest| {
                Self::put32(guest, 32, (32 + 2 * 16) << 16 | 0x10);
                Self::put32(guest, 64 + 8, BELL);
                Self::put32(guest, 64 + 12, 0x0002_0007);
                Self::put32(guest, 80 + 4, 1 << 31);
                Self::put32(guest, 80 + 8, 1);
                Self::put32(guest, 80 + 12, qemu);
            });
            if be16(&self.guest.memory, 32) == 32 {
                return None;
            }
            assert_eq!(be16(&self.guest.memory, 32), 32 + 16);
            assert_eq!(be32(&self.guest.memory, 64 + 8), 1);
            let configured = be32(&self.guest.memory, 64 + 4) != 0;
            Some((be32(&self.guest.memory, 64 + 12), configured))
        }

        /// Queries a function: returns the response code, the flags, and the field `pchid`.
        fn query(&mut self, handle: u32) -> (u16, u8, u16) {
            self.guest.registers[2] = MEMORY;
            self.guest.memory.fill(0);
            Self::put32(&mut self.guest, 0, 32 << 16 | 3);
            Self::put32(&mut self.guest, 16, handle);
            self.execute(CLP, |guest| guest.memory[35] = clp::OK as u8);
            let memory = &self.guest.memory;
            (be16(memory, 34), memory[32 + 18], be16(memory, 32 + 30))
        }

        /// Makes a service call with this block: returns the response code, and the changed block.
        fn service(&mut self, command: u32, block: &[u8]) -> (u16, Vec<u8>) {
            self.guest.registers[1] = u64::from(command);
            self.guest.registers[2] = MEMORY;
            self.guest.memory.fill(0);
            self.guest.memory[..block.len()].copy_from_slice(block);
            self.guest.memory[1] = block.len() as u8;
            self.execute(SERVC, |_| {});
            let memory = self.guest.memory[..block.len()].to_vec();
            (be16(&memory, 6), memory)
        }

        /// Makes the guest ask for function 1 to be configured, or deconfigured; QEMU answers with
        /// this code. Returns the response code.
        fn configure(&mut self, command: u32, qemu: u16) -> u16 {
            let mut block = [0; 16];
            block[6..8].copy_from_slice(&qemu.to_be_bytes());
            block[15] = 1;
            self.service(command, &block).0
        }

        /// Stores a channel report word, with QEMU's condition code. Returns the word.
        fn report(&mut self, code: u8) -> u32 {
            self.guest.registers[2] = MEMORY;
            self.guest.code = code;
            self.execute(STCRW, |guest| Self::put32(guest, 0, 0x0b00_0000));
            be32(&self.guest.memory, 0)
        }

        /// Enables or disables a function: returns the response code and the new handle.
        fn set(&mut self, handle: u32, operation: u8) -> (u16, u32) {
            self.guest.registers[2] = MEMORY;
            self.guest.memory.fill(0);
            Self::put32(&mut self.guest, 0, 32 << 16 | 5);
            Self::put32(&mut self.guest, 16, handle);
            self.guest.memory[22] = operation;
            let mut qemu = self.qemu;
            self.execute(CLP, |guest| {
                assert_eq!(be32(&guest.memory, 16), qemu);
                qemu = if guest.memory[22] == clp::ENABLE {
                    qemu | crate::function::ENABLED
                } else {
                    qemu & !crate::function::ENABLED
                };
                Self::put32(guest, 32, 32 << 16 | 0x10);
                Self::put32(guest, 48, qemu);
            });
            self.qemu = qemu;
            assert_eq!(be32(&self.guest.memory, 16), handle);
            assert_eq!(self.guest.memory[22], operation);
            (be16(&self.guest.memory, 34), be32(&self.guest.memory, 48))
        }

        fn enabled(&mut self) -> u32 {
            let handle = self.list();
            let (response, handle) = self.set(handle, clp::ENABLE);
            assert_eq!(response, clp::OK);
            handle
        }

        /// Executes a load, store or the like: returns condition code and status.
        fn access(&mut self, bytes: [u8; 6], handle: u32, lower: u32) -> (u8, u8) {
            let (qemu, (code, status)) = (self.qemu, self.code);
            self.guest.registers[2] = MEMORY;
            self.guest.registers[4] = u64::from(handle) << 32 | u64::from(lower);
            self.execute(bytes, |guest| {
                assert_eq!((guest.registers[4] >> 32) as u32, qemu);
                guest.code = code;
                guest::set_status(guest, 4, status);
            });
            assert_eq!((self.guest.registers[4] >> 32) as u32, handle);
            (self.guest.code, guest::status(&self.guest, 4))
        }

        fn command(&mut self, line: &str) -> String {
            self.platform.command(line).unwrap()
        }

        /// Stores event information while QEMU has this event. Returns the PEC, the handle, and
        /// whether more events follow.
        fn information(&mut self, pec: u16, fid: u32, fh: u32) -> (u16, u32, bool) {
            self.guest.registers[2] = MEMORY;
            self.guest.memory.fill(0);
            Self::put32(&mut self.guest, 0, 0x0010_000e);
            self.execute(CHSC, |guest| {
                let mut raw = [0; INFORMATION_LEN];
                let event = Event {
                    pec,
                    fid,
                    fh,
                    ..Event::default()
                };
                Information(&mut raw).store(&event, false);
                if pec == 0 {
                    raw[2..4].copy_from_slice(&[0, 5]);
                }
                guest.memory[16..16 + raw.len()].copy_from_slice(&raw);
            });
            let mut raw = self.guest.memory[16..16 + INFORMATION_LEN].to_vec();
            let information = Information(&mut raw);
            (information.pec(), information.fh(), information.has_more())
        }
    }

    #[test]
    fn handles_change() {
        let mut m = Machine::new(&["handles on"]);
        let first = m.list();
        assert_eq!(first, 0x0002_0000);
        let (response, second) = m.set(first, clp::ENABLE);
        assert_eq!((response, second), (clp::OK, 0x8102_0000));
        assert_eq!(m.list(), second);
        assert_eq!(m.set(first, clp::DISABLE).0, clp::BAD_HANDLE);
        assert_eq!(m.access(LOAD, second, 0), (0, 0));
        for stale in [first, 0x8002_0000, 0x0102_0000, 0x8202_0000] {
            for bytes in [LOAD, STORE, MODIFY, CONTROLS, REFRESH] {
                assert_eq!(m.access(bytes, stale, 0).0, 3, "{stale:x}");
            }
        }
        let (response, third) = m.set(second, clp::DISABLE);
        assert_eq!((response, third), (clp::OK, 0x0202_0000));
        // QEMU itself has given the function back and configured it anew.
        m.qemu = 0x0003_0000;
        assert_eq!(m.list(), 0x0303_0000);
        m.command("handles off");
        assert_eq!(m.set(0x0303_0000, clp::ENABLE), (clp::OK, 0x8303_0000));
    }

    #[test]
    fn busy_and_refused() {
        let mut m = Machine::new(&[
            "answer enable times=2 rsp=0x108",
            "answer:disable:rsp=0x106",
        ]);
        let handle = m.list();
        assert_eq!(m.set(handle, clp::ENABLE).0, 0x108);
        assert_eq!(m.set(handle, clp::ENABLE).0, 0x108);
        let handle = m.set(handle, clp::ENABLE).1;
        assert_eq!(m.set(handle, clp::DISABLE).0, 0x106);
        assert_eq!(m.command("count enable fid=1"), "3");
        m.command("answer modify op=7 cc=1 status=40");
        m.command("answer load space=15 cc=1 status=16");
        m.command("answer load ones");
        assert_eq!(m.access(MODIFY, handle, 7), (1, 40));
        assert_eq!(m.access(MODIFY, handle, 7), (0, 0));
        assert_eq!(m.access(LOAD, handle, 15 << 16 | 4), (1, 16));
        assert_eq!(m.access(LOAD, handle, 15 << 16 | 4), (0, 0));
        assert_eq!(m.guest.registers[6], 0xffff_ffff);
        m.command("answer load always cc=1");
        m.command("forget");
        assert_eq!(m.access(LOAD, handle, 0), (0, 0));
        m.command("reset");
        assert_eq!(m.set(handle, clp::DISABLE).0, 0x106);
        m.command("profile plain");
        assert_eq!(m.set(handle, clp::DISABLE).0, clp::OK);
    }

    #[test]
    fn error_states() {
        let mut m = Machine::new(&["states on"]);
        let handle = m.enabled();
        assert_eq!(m.set(handle, clp::ENABLE).0, clp::ALREADY);
        m.command("event pec=5 fid=1 faddr=0x1000");
        assert_eq!(m.rings.load(Ordering::Relaxed), 1);
        assert_eq!(m.access(LOAD, handle, 0), (1, 12));
        assert_eq!(m.access(REFRESH, handle, 0), (1, 40));
        assert_eq!(m.access(MODIFY, handle, 7), (1, 24));
        assert_eq!(m.access(CONTROLS, handle, 0), (0, 0));
        assert_eq!(m.guest.memory[8], 0x60);
        assert_eq!(m.access(MODIFY, handle, 9), (0, 0));
        assert_eq!(m.access(LOAD, handle, 0), (0, 0));
        assert_eq!(m.access(MODIFY, handle, 7), (0, 0));
        m.command("event pec=0x3b fid=1");
        assert_eq!(m.access(LOAD, handle, 0), (1, 8));
        assert_eq!(m.access(CONTROLS, handle, 0), (1, 8));
        assert_eq!(m.access(REFRESH, handle, 0).0, 3);
        assert_eq!(m.set(handle, clp::DISABLE).0, clp::PERMANENT);
        assert_eq!(m.information(0x303, BELL, 7), (5, handle, true));
        assert_eq!(m.information(0, 0, 0), (0x3b, handle, false));
        m.command("repair fid=1");
        m.command("event pec=0x2b fid=1");
        assert_eq!(m.access(LOAD, handle, 0), (0, 0));
        let (response, disabled) = m.set(handle, clp::DISABLE);
        assert_eq!(response, clp::OK);
        assert_eq!(m.set(disabled, clp::DISABLE).0, clp::ALREADY);
    }

    #[test]
    fn qemus_own_error() {
        let mut m = Machine::new(&["states on"]);
        let handle = m.enabled();
        let blocks = |m: &mut Machine| {
            m.code = (1, 12);
            assert_eq!(m.access(LOAD, handle, 0), (1, 12));
            m.code = (0, 0);
            assert_eq!(m.access(MODIFY, handle, 2), (1, 40));
        };
        blocks(&mut m);
        assert_eq!(m.access(MODIFY, handle, 7), (1, 24));
        assert_eq!(m.access(MODIFY, handle, 9), (0, 0));
        assert_eq!(m.access(MODIFY, handle, 7), (0, 0));
        blocks(&mut m);
        let disabled = m.set(handle, clp::DISABLE).1;
        m.set(disabled, clp::ENABLE);
        assert_eq!(m.access(MODIFY, handle, 2), (0, 0));
        // QEMU does not know of the plugin's error, and refuses to unblock the function.
        m.command("event pec=5 fid=1");
        m.code = (1, 24);
        assert_eq!(m.access(MODIFY, handle, 9).0, 0);
    }

    #[test]
    fn zvm_has_disabled_it_already() {
        let mut m = Machine::new(&["handles on", "zvm on"]);
        let handle = m.enabled();
        m.command("event pec=5 fid=1");
        assert_eq!(m.set(handle, clp::DISABLE).0, clp::ALREADY);
        assert_eq!(m.list(), 0x0202_0000);
        let (response, handle) = m.set(0x0202_0000, clp::ENABLE);
        assert_eq!((response, handle), (clp::OK, 0x8302_0000));
        assert_eq!(m.access(LOAD, handle, 0), (0, 0));
    }

    #[test]
    fn qemus_events_have_the_guests_handle() {
        let mut m = Machine::new(&["handles on"]);
        let handle = m.enabled();
        let qemu = m.qemu;
        assert_eq!(m.command("handle fid=1"), handle.to_string());
        assert_eq!(m.information(4, 1, qemu), (4, handle, false));
        // An event of a function that the guest does not know.
        assert_eq!(
            m.information(0x302, 9, 0x0002_0009),
            (0x302, 0x0002_0009, false)
        );
        m.command("event pec=0x304 fid=77 fh=0x1234 hold");
        m.command("event pec=5 fid=1 fh=0x12 hold");
        assert_eq!(m.rings.load(Ordering::Relaxed), 0);
        assert!(m.platform.command("event pec=1 fid=77").is_err());
        assert_eq!(m.information(0x303, BELL, 7), (0x304, 0x1234, true));
        assert_eq!(m.information(0, 0, 0), (5, 0x12, false));
        // A function that QEMU has given or taken is as QEMU has it.
        m.command("availability fid=1 reserved");
        m.information(0x301, 1, qemu);
        assert!(m.listed().is_some());
        // Another function after an unplug.
        m.information(0x302, 5, qemu);
        assert!(m.platform.command("handle fid=1").is_err());
    }

    #[test]
    fn taken_away_and_given_back() {
        let mut m = Machine::new(&["handles on"]);
        let handle = m.enabled();
        m.command("event pec=0x304 fid=1");
        let taken = 0x0202_0000;
        assert_eq!(m.listed(), Some((taken, false)));
        assert_eq!(m.information(0x303, BELL, 7), (0x304, taken, false));
        for bytes in [LOAD, STORE, MODIFY, CONTROLS, REFRESH] {
            assert_eq!(m.access(bytes, handle, 0).0, 3);
            assert_eq!(m.access(bytes, taken, 0).0, 3);
        }
        assert_eq!(m.set(handle, clp::DISABLE).0, clp::BAD_HANDLE);
        assert_eq!(m.set(taken, clp::DISABLE).0, clp::ALREADY);
        assert_eq!(m.set(taken, clp::ENABLE).0, clp::BAD_OPERATION);
        m.command("event pec=0x308 fid=1");
        assert_eq!(m.listed(), None);
        assert_eq!(m.query(0x0302_0000).0, clp::BAD_HANDLE);
        assert_eq!(m.configure(sclp::CONFIGURE_PCI, 0x0120), sclp::RESERVED);
        m.command("event pec=0x302 fid=1");
        assert_eq!(m.query(0x0402_0000).0, clp::OK);
        assert_eq!(m.listed(), Some((0x0402_0000, false)));
        assert_eq!(m.configure(sclp::CONFIGURE_PCI, 0x0120), sclp::DONE);
        assert_eq!(m.listed(), Some((0x0402_0000, true)));
        // QEMU has not noticed, and still has the function enabled.
        assert_eq!(m.set(0x0402_0000, clp::ENABLE).0, clp::BUSY);
        assert_eq!(m.qemu, 0x0002_0000);
        let (response, handle) = m.set(0x0402_0000, clp::ENABLE);
        assert_eq!((response, handle), (clp::OK, 0x8502_0000));
        assert_eq!(m.access(LOAD, handle, 0), (0, 0));
        // A function that the guest uses cannot be given again.
        m.command("event pec=0x301 fid=1");
        assert_eq!(m.list(), handle);
        m.command("event pec=0x304 fid=1 fh=0x12 state=none");
        assert_eq!(m.list(), handle);
        m.command("event pec=0x304 fid=1");
        m.command("event pec=0x301 fid=1");
        assert_eq!(m.list(), 0x0702_0000);
        // The guest gives the function back: QEMU knows its state, and repairs its fault.
        m.command("availability fid=1 standby");
        m.command("event pec=0x3b fid=1");
        assert_eq!(m.configure(sclp::DECONFIGURE_PCI, sclp::DONE), sclp::DONE);
        assert!(m
            .command("show fid=1")
            .contains("availability=None fault=None"));
    }

    #[test]
    fn reset_restores_the_start() {
        let mut m = Machine::new(&[]);
        let handle = m.enabled();
        m.platform.learn(0x0002_0009, 9);
        for line in [
            "sriov fid=1 pchid=0x177 vf=9",
            "event pec=0x3b fid=1",
            "after-enable fid=1 always silent",
            "lose-report",
        ] {
            m.command(line);
        }
        m.command("reset");
        assert_eq!(m.query(handle), (clp::OK, 0, 0));
        assert_eq!(m.report(0), 0x0b00_0000);
        assert_eq!(m.information(0x303, BELL, 7).0, 0);
        let disabled = m.set(handle, clp::DISABLE).1;
        assert_eq!(m.set(disabled, clp::ENABLE).0, clp::OK);
        m.guest.registers[5] = sriov::AT;
        m.guest.registers[6] = 1;
        assert_eq!(m.access(LOAD, handle, 15 << 16 | 4), (0, 0));
        assert_eq!(m.guest.registers[6], 1);
        m.command("availability fid=1 reserved");
        m.command("reset");
        assert!(m.listed().is_some());
    }

    #[test]
    fn another_adapter() {
        let mut m = Machine::new(&[]);
        let handle = m.list();
        assert_eq!(m.query(handle), (clp::OK, 0, 0));
        m.command("identity fid=1 pchid=0x123 rid=1");
        assert_eq!(m.query(handle), (clp::OK, 0x10, 0x123));
        m.command("identity fid=1");
        assert_eq!(m.query(handle), (clp::OK, 0, 0));
    }

    #[test]
    fn lost_reports() {
        let mut m = Machine::new(&["lose-report times=2"]);
        assert_eq!(m.report(0), OVERFLOW);
        // Condition code 1: there was no report, so none is lost.
        assert_eq!(m.report(1), 0x0b00_0000);
        assert_eq!(m.report(0), OVERFLOW);
        assert_eq!(m.report(0), 0x0b00_0000);
        // An event that names no function.
        m.command("event pec=0x306");
        assert_eq!(m.information(0x303, BELL, 7), (0x306, 0, false));
        assert!(m.platform.command("event pec=0x306 fid=77").is_err());
    }

    #[test]
    fn notifications() {
        let mut m = Machine::new(&["notifications on"]);
        let mut mask = [0; 12 + 16];
        mask[7] = 0x20;
        mask[11] = 4;
        let (_, mask_after) = m.service(sclp::WRITE_EVENT_MASK, &mask);
        assert_eq!(mask_after[20..24], [0, 0, 1, 0]);
        let mut report = [0; 40].to_vec();
        report[6..8].copy_from_slice(&[0x40, 0xf0]);
        report[10] = 24;
        report[23] = 1;
        report.extend_from_slice(b"report: recovery\nstatus: success\n");
        let (response, after) = m.service(sclp::WRITE_EVENT_DATA, &report);
        assert_eq!((response, after[11]), (sclp::DONE, 0x80));
        assert_eq!(m.command("count notification fid=1"), "1");
        assert_eq!(
            m.command("text fid=1"),
            "report: recovery\nstatus: success\n"
        );
        report[10] = 26;
        assert_eq!(m.service(sclp::WRITE_EVENT_DATA, &report).0, 0x40f0);
        m.command("notifications off");
        report[10] = 24;
        assert_eq!(m.service(sclp::WRITE_EVENT_DATA, &report).0, 0x40f0);
        assert_eq!(m.command("count notification"), "1");
        let (_, mask_after) = m.service(sclp::WRITE_EVENT_MASK, &mask);
        assert_eq!(mask_after[20..24], [0; 4]);
    }

    #[test]
    fn next_lives() {
        let mut m = Machine::new(&[
            "after-enable fid=1 silent",
            "after-enable fid=1 blocked pec=6",
        ]);
        let handle = m.enabled();
        m.guest.registers[6] = 0;
        assert_eq!(m.access(LOAD, handle, 2), (0, 0));
        assert_eq!(m.guest.registers[6], 0xffff);
        let handle = m.set(handle, clp::DISABLE).1;
        let handle = m.set(handle, clp::ENABLE).1;
        assert_eq!(m.access(LOAD, handle, 2), (1, 12));
        assert_eq!(m.information(0x303, BELL, 7), (6, handle, false));
    }

    #[test]
    fn virtual_functions() {
        const CONTROL: u64 = 0x108;
        let mut m = Machine::new(&["handles on"]);
        let handle = m.enabled();
        m.platform.learn(0x0002_0009, 9);
        m.command("sriov fid=1 pchid=0x177 vf=9");
        assert_eq!(m.query(handle), (clp::OK, 0x18, 0x177));
        let config = |m: &mut Machine, bytes, offset: u64, value: u64| {
            m.guest.registers[5] = offset;
            m.guest.registers[6] = value;
            assert_eq!(m.access(bytes, handle, 15 << 16 | 2), (0, 0));
            m.guest.registers[6]
        };
        assert_eq!(config(&mut m, LOAD, 0x100, 7), 0x1000);
        config(&mut m, STORE, CONTROL + 8, 0x0100);
        assert_eq!(m.rings.load(Ordering::Relaxed), 0);
        config(&mut m, STORE, CONTROL, 0x0100);
        assert_eq!(m.rings.load(Ordering::Relaxed), 1);
        let (pec, fh, _) = m.information(0x303, BELL, 7);
        assert_eq!((pec, fh & 0xffff), (0x0302, 9));
        config(&mut m, STORE, CONTROL, 0);
        assert_eq!(m.information(0x303, BELL, 7).0, 0x0308);
        m.command("sriov fid=1 pchid=0x177 vf=9 configured");
        config(&mut m, STORE, CONTROL + 8, 0x0100);
        config(&mut m, STORE, CONTROL, 0x0100);
        assert_eq!(m.information(0x303, BELL, 7).0, 0x0301);
        config(&mut m, STORE, CONTROL, 0);
        assert_eq!(m.information(0x303, BELL, 7).0, 0x0304);
        assert!(m.platform.command("sriov fid=1 pchid=1 vf=44").is_err());
        m.command("identity fid=1");
        assert_eq!(m.query(handle), (clp::OK, 0, 0));
    }

    #[test]
    fn inside_is_reset() {
        let mut m = Machine::new(&["inside on"]);
        let handle = m.enabled();
        let load = |m: &mut Machine, value: u64| {
            m.guest.registers[5] = 4;
            m.guest.registers[6] = value;
            assert_eq!(m.access(LOAD, handle, 15 << 16 | 2), (0, 0));
            m.guest.registers[6]
        };
        assert_eq!(load(&mut m, 0), 0);
        m.guest.registers[5] = 4;
        assert_eq!(m.access(STORE, handle, 15 << 16 | 2), (0, 0));
        assert_eq!(load(&mut m, 0x0604), 0x0604);
        let disabled = m.set(handle, clp::DISABLE).1;
        m.set(disabled, clp::ENABLE);
        assert_eq!(load(&mut m, 0x0604), 0);
        assert_eq!(m.command("count inside fid=1"), "2");
    }

    #[test]
    fn an_end_that_was_not_seen() {
        let mut m = Machine::new(&[]);
        let handle = m.enabled();
        let insn = Insn::decode(0x1000, LOAD).unwrap();
        m.guest.registers[4] = u64::from(handle) << 32;
        m.platform.before(&mut m.guest, &insn);
        m.guest.registers[4] = u64::from(handle) << 32;
        assert!(!m.log.lock().unwrap().contains("error:"));
        m.platform.before(&mut m.guest, &insn);
        assert!(m.log.lock().unwrap().contains("error:"));
    }

    #[test]
    fn profiles() {
        for name in ["plain", "lpar", "zvm", "hostile"] {
            let mut m = Machine::new(&[]);
            m.platform.start(name, &[]).unwrap();
        }
        let mut m = Machine::new(&[]);
        assert!(m.platform.start("soft", &[]).is_err());
        assert!(m.platform.start("lpar", &["nonsense".into()]).is_err());
    }
}
