"""Unitree's DDS: a participant on the robot's network, and readers and writers of bytes.

Plain DDS topics beside the ROS graph: another middleware (Cyclone), another domain, and no name of ROS. Writers are reliable and readers
are not, as with Unitree's own clients.
"""

from __future__ import annotations

import socket
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsParticipant, BuiltinTopicDcpsPublication
from cyclonedds.core import DDSException
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from neon_control.core.common.errors import ConfigError

LOW_STATE, ARM_SDK = "rt/lowstate", "rt/arm_sdk"
SPORT_REQUEST, SPORT_RESPONSE = "rt/api/sport/request", "rt/api/sport/response"
ODOMETRY, BATTERY = "rt/odostate", "rt/lf/bmsstate"
HAND_COMMAND, HAND_STATE = "rt/dex3/{side}/cmd", "rt/dex3/{side}/state"
LOOPBACK = "lo"
MOST_PARTICIPANTS = 40  # of one computer, that find each other on loopback

_WRITER = Qos(Policy.Reliability.Reliable(duration(milliseconds=1)), Policy.History.KeepLast(1))
_IGNORE_OWN = Policy.IgnoreLocal.Participant


class Raw(bytes):
    """A message as it is on the wire, in the place of a message object: cyclonedds asks such for nothing but these two."""

    sample_info: Any

    def serialize(self, use_version_2: bool | None = None) -> bytes:
        return self

    @classmethod
    def deserialize(cls, data: bytes) -> Raw:
        return cls(data)

    deserialize_key = deserialize  # of what a writer takes back when it ends


class Publisher(NamedTuple):
    """Somebody who may write to a topic."""

    topic: str
    participant: str  # of DDS
    host: str  # that Cyclone tells of, else empty
    process: str


def configuration(network_interface: str) -> str:
    """Cyclone's own configuration, XML.

    Multicast on loopback is heard by nobody: there, and there alone, participants look for each other port by port.
    """
    interfaces = f"<Interfaces><NetworkInterface name={quoteattr(network_interface)}/></Interfaces>" if network_interface else ""
    if network_interface != LOOPBACK:
        return f"<CycloneDDS><Domain><General>{interfaces}</General></Domain></CycloneDDS>"
    return (
        f"<CycloneDDS><Domain><General>{interfaces}<AllowMulticast>false</AllowMulticast></General>"
        f"<Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>{MOST_PARTICIPANTS}</MaxAutoParticipantIndex>"
        f'<Peers><Peer Address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>'
    )


class Writer:
    """Writes messages of one topic: objects of its type, or bytes that were packed already."""

    def __init__(self, participant: DomainParticipant, topic: str, kind: type[IdlStruct]) -> None:
        self._writer: DataWriter[Any] = DataWriter(participant, Topic(participant, topic, kind), qos=_WRITER)
        self._writer.data_type = (kind, Raw)  # what `write` accepts

    def write(self, message: IdlStruct | bytes) -> bool:
        """Send one message; bytes begin with the header of CDR. False: DDS did not take it in time."""
        try:
            self._writer.write(Raw(message) if isinstance(message, bytes) else message)
        except DDSException:
            return False
        return True

    @property
    def readers(self) -> int:
        """How many read the topic."""
        return int(self._writer.get_publication_matched_status().current_count)


class Reader:
    """Reads messages of one topic that others send, in its own pace.

    Args:
        kind: their type; `raw` gives bytes.
        depth: messages that are kept until they are taken.
    """

    def __init__(self, participant: DomainParticipant, topic: str, kind: type[IdlStruct], raw: bool = False, depth: int = 1) -> None:
        described = Topic(participant, topic, kind)
        qos = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(depth), _IGNORE_OWN)
        self._reader: DataReader[Any] = DataReader(participant, described, qos=qos)
        if raw:
            described.data_type = Raw  # what `take` makes of the bytes
        self._depth = depth

    def take(self) -> list[Any]:
        """What has come since the last call, oldest first."""
        return [sample for sample in self._reader.take(self._depth) if sample.sample_info.valid_data]

    @property
    def writers(self) -> int:
        """How many others write to the topic, whether they do or not."""
        return int(self._reader.get_subscription_matched_status().current_count)


class Channel:
    """A participant of DDS on the robot's network.

    Args:
        network_interface: its name, "lo" for this computer alone; empty: the one that Cyclone chooses.
        domain: 0 on the robot, 1 in Unitree's simulators.

    Raises:
        ConfigError: there is no such interface, or DDS does not start on it.
    """

    def __init__(self, network_interface: str, domain: int) -> None:
        names = [name for _, name in socket.if_nameindex()]
        if network_interface and network_interface not in names:
            raise ConfigError(f"network_interface must be one of this computer's {names}, got {network_interface!r}")
        self.network_interface, self.domain = network_interface, domain
        try:
            self._domain = Domain(domain, configuration(network_interface))
            self._participant = DomainParticipant(domain)
        except DDSException as error:
            raise ConfigError(f"DDS does not start on network_interface {network_interface!r}, domain {domain}: {error}") from error
        self._others = BuiltinDataReader(self._participant, BuiltinTopicDcpsParticipant)
        self._publications = BuiltinDataReader(self._participant, BuiltinTopicDcpsPublication)

    def writer(self, topic: str, kind: type[IdlStruct]) -> Writer:
        """A writer of a topic."""
        return Writer(self._participant, topic, kind)

    def reader(self, topic: str, kind: type[IdlStruct], raw: bool = False, depth: int = 1) -> Reader:
        """A reader of a topic, which does not hear this participant's own writers."""
        return Reader(self._participant, topic, kind, raw, depth)

    @property
    def others(self) -> int:
        """How many other participants of the domain are known: 0 says that the interface or the domain is wrong."""
        own = self._participant.guid
        return len({sample.key for sample in self._alive(self._others)} - {own})

    def publishers(self, topic: str) -> list[Publisher]:
        """Who else may write to a topic, as far as DDS tells."""
        own = self._participant.guid
        hosts = {sample.key: sample.qos for sample in self._alive(self._others)}
        found = [p for p in self._alive(self._publications) if p.topic_name == topic and p.participant_key != own]
        return [
            Publisher(topic, str(p.participant_key), *(_property(hosts.get(p.participant_key), n) for n in ("__Hostname", "__Pid")))
            for p in found
        ]

    @staticmethod
    def _alive(reader: BuiltinDataReader) -> list[Any]:
        """What the built-in topics say; a few thousand is more than a robot's network has."""
        alive = 16  # DDS_ALIVE_INSTANCE_STATE, without the flag that cyclonedds puts before it
        return [s for s in reader.read(2000) if s.sample_info.valid_data and int(s.sample_info.instance_state) == alive]

    def close(self) -> None:
        """Leave the network; readers and writers end with it."""
        for entity in (self._participant, self._domain):
            entity.__del__()  # cyclonedds has no other word for it; the second call, by Python, does nothing


def _property(qos: Qos | None, name: str) -> str:
    found = next((p for p in qos or () if isinstance(p, Policy.Property) and p.key == name), None)
    return "" if found is None else str(found.value)
