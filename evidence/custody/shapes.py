"""What a number, a digest, an identifier, a time and a word look like in a leaf, and facts at all. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from evidence.custody.canonical import LARGEST
from evidence.vocabulary import AgentKind, ClipKind, IncidentKind, RenditionKind, RenditionMethod, Role

# A field's name, of a fact as of a personal value.
FIELD: Final = r"^[a-z][a-z0-9_]{0,39}$"


def _is_a_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Count = Annotated[int, Field(ge=0, le=LARGEST)]
Signed = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")]
Moment = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{6}Z$"),
    AfterValidator(_is_a_time),
    Field(json_schema_extra={"format": "date-time"}),
]
Name = Annotated[str, StringConstraints(pattern=FIELD)]
# A word that a program chose: of a task, a recipe, a code, a sort of metadata file.
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
# A public key as signed notes write it down; one of ML-DSA-44 has 1,800 characters.
VerifierKeyText = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,4000}$")]
# What a program calls itself, or what the settings call a witness or an authority.
Label = Annotated[str, StringConstraints(pattern=r"^[!-~][ -~]{0,199}$")]

# Words of the closed lists arrive as words, here as there.
RoleWord = Annotated[Role, Field(strict=False)]
CopyWord = Annotated[RenditionKind, Field(strict=False)]
MethodWord = Annotated[RenditionMethod, Field(strict=False)]
ClipWord = Annotated[ClipKind, Field(strict=False)]
TroubleWord = Annotated[IncidentKind, Field(strict=False)]
AgentWord = Annotated[AgentKind, Field(strict=False)]


class Facts(BaseModel):
    """What one kind of event may say, member by member; this one says nothing."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
