"""payment-service's settings."""

from pathlib import Path

from pydantic import Field

from holdfast.service.settings import ServiceSettings


class PaymentSettings(ServiceSettings):
    """Environment variables of the same names in capitals."""

    port: int = Field(8121, ge=1, le=65535, description="where to listen")
    ledger_path: Path = Field(
        Path("ledger.sqlite3"), description="the ledger's file; the processor's journal lies beside it"
    )
    faults_enabled: bool | None = Field(
        None, description="serve /faults; unset: in demo mode only, whose keys are public and whose network is closed"
    )
    card_s: float = Field(
        0.01, ge=0, le=60, description="seconds a simulated card takes: a little, so that races are real ones"
    )
    slow_card_s: float = Field(5.0, ge=0, le=600, description="seconds tok_slow takes; API.md promises 5")

    @property
    def serves_faults(self) -> bool:
        """Whether /faults is there."""
        return self.mode == "demo" if self.faults_enabled is None else self.faults_enabled

    @property
    def processor_path(self) -> Path:
        """The processor's journal: a file of its own, as it stands for another company's books."""
        return self.ledger_path.with_name("processor.sqlite3")
